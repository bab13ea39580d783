package dev.headpond.bench;

import alluxio.AlluxioURI;
import alluxio.client.file.FileInStream;
import alluxio.client.file.FileOutStream;
import alluxio.client.file.FileSystem;
import alluxio.conf.Configuration;
import alluxio.grpc.CreateFilePOptions;
import alluxio.grpc.WritePType;
import java.util.Random;

/**
 * One file through the stock client: written, read in sequence, read at random places.
 *
 * <p>Arguments: MIB REPETITIONS SECONDS_OF_RANDOM_READS. Prints each repetition's figure, so keys
 * repeat: write_must_cache, write_cache_through and read as .mib_per_s and .cpu_s_per_gib (CPU of
 * the worker), random4k_1 and random4k_4 (threads) as .per_s and .cpu_us.
 */
public final class IoBench {
  private static final int BUFFER_BYTES = 1 << 20;
  private static final int PAGE_BYTES = 4096;
  private static final int WARM_UP_MIB = 64;

  private final FileSystem fileSystem = FileSystem.Factory.create(Configuration.global());
  private final AlluxioURI path = new AlluxioURI("/bench-io-" + System.nanoTime());
  private final byte[] content = new byte[BUFFER_BYTES];
  private final int mib;
  private final double randomSeconds;

  private IoBench(int mib, double randomSeconds) {
    this.mib = mib;
    this.randomSeconds = randomSeconds;
    new Random(1).nextBytes(content);
  }

  public static void main(String[] args) throws Exception {
    int mib = Integer.parseInt(args[0]);
    int repetitions = Integer.parseInt(args[1]);
    IoBench bench = new IoBench(mib, Double.parseDouble(args[2]));
    new IoBench(WARM_UP_MIB, 0).warmUp();
    for (int i = 0; i < repetitions; i++) {
      bench.sequential("write_cache_through", () -> bench.write(WritePType.CACHE_THROUGH));
      bench.fileSystem.delete(bench.path);
    }
    for (int i = 0; i < repetitions; i++) {
      if (i > 0) {
        bench.fileSystem.delete(bench.path);
      }
      bench.sequential("write_must_cache", () -> bench.write(WritePType.MUST_CACHE));
    }
    for (int i = 0; i < repetitions; i++) {
      bench.sequential("read", bench::read);
    }
    for (int threads : new int[] {1, 4}) {
      bench.randomReads(threads, bench.randomSeconds / 3, false);
      for (int i = 0; i < repetitions; i++) {
        bench.randomReads(threads, bench.randomSeconds, true);
      }
    }
    bench.fileSystem.delete(bench.path);
    System.exit(0); // the client's own threads are not all daemons
  }

  private interface Transfer {
    void run() throws Exception;
  }

  private void warmUp() throws Exception {
    write(WritePType.MUST_CACHE);
    read();
    fileSystem.delete(path);
  }

  private void sequential(String name, Transfer transfer) throws Exception {
    double cpuBefore = Measure.serverCpuSeconds();
    long start = System.nanoTime();
    transfer.run();
    double seconds = (System.nanoTime() - start) / 1e9;
    Measure.print(name + ".mib_per_s", mib / seconds);
    Measure.print(
        name + ".cpu_s_per_gib", (Measure.serverCpuSeconds() - cpuBefore) * 1024.0 / mib);
  }

  private void write(WritePType type) throws Exception {
    CreateFilePOptions options = CreateFilePOptions.newBuilder().setWriteType(type).build();
    try (FileOutStream out = fileSystem.createFile(path, options)) {
      for (int i = 0; i < mib; i++) {
        out.write(content);
      }
    }
  }

  private void read() throws Exception {
    byte[] buffer = new byte[BUFFER_BYTES];
    long total = 0;
    try (FileInStream in = fileSystem.openFile(path)) {
      for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
        total += got;
      }
    }
    if (total != (long) mib * BUFFER_BYTES) {
      throw new IllegalStateException("read " + total + " bytes of " + mib + " MiB");
    }
  }

  private void randomReads(int threads, double seconds, boolean printed) throws Exception {
    double cpuBefore = Measure.serverCpuSeconds();
    long start = System.nanoTime();
    long end = start + (long) (seconds * 1e9);
    long lastOffset = (long) mib * BUFFER_BYTES - PAGE_BYTES;
    long reads =
        Measure.inThreads(
            threads,
            thread -> {
              Random random = new Random(thread);
              byte[] page = new byte[PAGE_BYTES];
              long done = 0;
              try (FileInStream in = fileSystem.openFile(path)) {
                while (System.nanoTime() < end) {
                  long offset = (long) (random.nextDouble() * lastOffset);
                  if (in.positionedRead(offset, page, 0, PAGE_BYTES) != PAGE_BYTES) {
                    throw new IllegalStateException("short read at " + offset);
                  }
                  done++;
                }
              }
              return done;
            });
    double elapsed = (System.nanoTime() - start) / 1e9;
    if (printed) {
      Measure.print("random4k_" + threads + ".per_s", reads / elapsed);
      Measure.print(
          "random4k_" + threads + ".cpu_us",
          (Measure.serverCpuSeconds() - cpuBefore) * 1e6 / reads);
    }
  }
}
