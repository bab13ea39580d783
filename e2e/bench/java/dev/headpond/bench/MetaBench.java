package dev.headpond.bench;

import alluxio.AlluxioURI;
import alluxio.client.file.FileSystem;
import alluxio.conf.Configuration;
import alluxio.grpc.CreateFilePOptions;
import alluxio.grpc.DeletePOptions;
import alluxio.grpc.WritePType;

/**
 * Metadata operations through the stock client, a folder per thread.
 *
 * <p>Arguments: THREADS OPERATIONS_PER_THREAD, or "fill" THREADS FILES_PER_THREAD, which only
 * creates files and leaves them. Prints NAME.per_s (for list: entries) and NAME.cpu_us (server CPU
 * per operation; for list per entry).
 */
public final class MetaBench {
  /** Enough calls for the JIT compilers of both sides to be done with the hot paths. */
  private static final int WARM_UP_OPERATIONS = 3000;

  private static final int FILES_PER_FOLDER = 5000;

  /** Entries that all listings of a phase return together, about. */
  private static final int LISTED_ENTRIES = 50_000;

  private static final CreateFilePOptions CACHED_ONLY =
      CreateFilePOptions.newBuilder().setWriteType(WritePType.MUST_CACHE).build();
  private static final DeletePOptions RECURSIVE =
      DeletePOptions.newBuilder().setRecursive(true).build();

  private final FileSystem fileSystem = FileSystem.Factory.create(Configuration.global());
  private final int threads;
  private final int operations;
  private final String base = "/bench-" + System.nanoTime();

  private MetaBench(int threads, int operations) {
    this.threads = threads;
    this.operations = operations;
  }

  public static void main(String[] args) throws Exception {
    if (args[0].equals("fill")) {
      new MetaBench(Integer.parseInt(args[1]), Integer.parseInt(args[2])).fill();
    } else {
      int threads = Integer.parseInt(args[0]);
      new MetaBench(threads, Math.max(1, WARM_UP_OPERATIONS / threads)).measure(false);
      new MetaBench(threads, Integer.parseInt(args[1])).measure(true);
    }
    System.exit(0); // the client's own threads are not all daemons
  }

  private interface Operation {
    void run(String folder, int number) throws Exception;
  }

  private AlluxioURI uri(String folder, String kind, int number) {
    return new AlluxioURI(folder + "/" + kind + number);
  }

  private void phase(String name, int count, int unitsPerOperation, boolean printed, Operation body)
      throws Exception {
    double cpuBefore = Measure.serverCpuSeconds();
    long start = System.nanoTime();
    long done =
        Measure.inThreads(
            threads,
            thread -> {
              String folder = base + "/t" + thread;
              for (int i = 0; i < count; i++) {
                body.run(folder, i);
              }
              return count;
            });
    double seconds = (System.nanoTime() - start) / 1e9;
    double cpuSeconds = Measure.serverCpuSeconds() - cpuBefore;
    if (printed) {
      double units = (double) done * unitsPerOperation;
      Measure.print(name + ".per_s", units / seconds);
      Measure.print(name + ".cpu_us", cpuSeconds * 1e6 / units);
    }
  }

  private void measure(boolean printed) throws Exception {
    fileSystem.createDirectory(new AlluxioURI(base));
    for (int t = 0; t < threads; t++) {
      fileSystem.createDirectory(new AlluxioURI(base + "/t" + t));
    }
    phase("create", operations, 1, printed,
        (folder, i) -> fileSystem.createFile(uri(folder, "f", i), CACHED_ONLY).close());
    phase("getStatus", operations, 1, printed,
        (folder, i) -> fileSystem.getStatus(uri(folder, "f", i)));
    phase("exists", operations, 1, printed,
        (folder, i) -> fileSystem.exists(uri(folder, "f", i)));
    phase("list", Math.max(3, LISTED_ENTRIES / (operations * threads)), operations, printed,
        (folder, i) -> fileSystem.listStatus(new AlluxioURI(folder)));
    phase("mkdir", operations, 1, printed,
        (folder, i) -> fileSystem.createDirectory(uri(folder, "d", i)));
    phase("rename", operations, 1, printed,
        (folder, i) -> fileSystem.rename(uri(folder, "f", i), uri(folder, "g", i)));
    phase("delete", operations, 1, printed,
        (folder, i) -> fileSystem.delete(uri(folder, "g", i)));
    fileSystem.delete(new AlluxioURI(base), RECURSIVE);
  }

  private void fill() throws Exception {
    fileSystem.createDirectory(new AlluxioURI(base));
    Measure.inThreads(
        threads,
        thread -> {
          String folder = null;
          for (int i = 0; i < operations; i++) {
            if (i % FILES_PER_FOLDER == 0) {
              folder = base + "/t" + thread + "-" + i / FILES_PER_FOLDER;
              fileSystem.createDirectory(new AlluxioURI(folder));
            }
            fileSystem.createFile(uri(folder, "file-", i), CACHED_ONLY).close();
          }
          return operations;
        });
    Measure.print("files", (double) threads * operations);
  }
}
