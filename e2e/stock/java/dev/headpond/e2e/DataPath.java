package dev.headpond.e2e;

import alluxio.AlluxioURI;
import alluxio.client.block.BlockWorkerInfo;
import alluxio.client.file.FileInStream;
import alluxio.client.file.FileOutStream;
import alluxio.client.file.FileSystem;
import alluxio.client.file.FileSystemContext;
import alluxio.conf.Configuration;
import alluxio.grpc.CreateFilePOptions;
import alluxio.grpc.WritePType;
import alluxio.metrics.MetricKey;
import alluxio.metrics.MetricsSystem;
import alluxio.wire.WorkerNetAddress;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.Random;

/**
 * Writes a file of random bytes and reads it back whole and at random offsets, with the stock
 * client, then tells which way the bytes went. The read stream stays open until a line comes on
 * standard input, so that an observer can look at the connections meanwhile.
 *
 * <p>Arguments: PATH BYTES. Prints key=value lines, then "READY".
 */
public final class DataPath {
  private static final int POSITIONED_READS = 64;
  private static final int BUFFER_BYTES = 1 << 20;

  private DataPath() {}

  public static void main(String[] args) throws Exception {
    AlluxioURI path = new AlluxioURI(args[0]);
    int size = Integer.parseInt(args[1]);
    byte[] content = new byte[size];
    new Random(size).nextBytes(content);

    FileSystemContext context = FileSystemContext.create(Configuration.global());
    FileSystem fileSystem = FileSystem.Factory.create(context);
    for (BlockWorkerInfo worker : context.getCachedWorkers()) {
      WorkerNetAddress address = worker.getNetAddress();
      System.out.println("worker_host=" + address.getHost());
      System.out.println("worker_data_port=" + address.getDataPort());
      System.out.println("domain_socket=" + address.getDomainSocketPath());
    }

    String written = write(fileSystem, path, content);
    try (FileInStream in = fileSystem.openFile(path)) {
      MessageDigest digest = MessageDigest.getInstance("MD5");
      DigestInputStream checked = new DigestInputStream(in, digest);
      byte[] buffer = new byte[BUFFER_BYTES];
      while (checked.read(buffer) >= 0) {}
      System.out.println("content_equal=" + hex(digest).equals(written));
      System.out.println("wrong_positioned_reads=" + wrongPositionedReads(in, content));
      System.out.println("read_local_bytes=" + counter(MetricKey.CLIENT_BYTES_READ_LOCAL));
      System.out.println("written_local_bytes=" + counter(MetricKey.CLIENT_BYTES_WRITTEN_LOCAL));
      System.out.println("READY");
      System.in.read();
    }
    fileSystem.delete(path);
    System.exit(0); // the client's own threads are not all daemons
  }

  private static String write(FileSystem fileSystem, AlluxioURI path, byte[] content)
      throws Exception {
    CreateFilePOptions options =
        CreateFilePOptions.newBuilder().setWriteType(WritePType.MUST_CACHE).build();
    MessageDigest digest = MessageDigest.getInstance("MD5");
    try (FileOutStream out = fileSystem.createFile(path, options);
        DigestOutputStream checked = new DigestOutputStream(out, digest)) {
      for (int at = 0; at < content.length; at += BUFFER_BYTES) {
        checked.write(content, at, Math.min(BUFFER_BYTES, content.length - at));
      }
    }
    return hex(digest);
  }

  private static int wrongPositionedReads(FileInStream in, byte[] content) throws Exception {
    Random random = new Random(7);
    byte[] page = new byte[Math.min(4096, content.length)];
    int wrong = 0;
    for (int i = 0; i < POSITIONED_READS; i++) {
      int at = random.nextInt(content.length - page.length + 1);
      int got = in.positionedRead(at, page, 0, page.length);
      boolean same =
          got == page.length
              && java.util.Arrays.equals(
                  page, 0, page.length, content, at, at + page.length);
      wrong += same ? 0 : 1;
    }
    return wrong;
  }

  private static long counter(MetricKey key) {
    return MetricsSystem.counter(key.getName()).getCount();
  }

  private static String hex(MessageDigest digest) {
    StringBuilder text = new StringBuilder();
    for (byte b : digest.digest()) {
      text.append(String.format("%02x", b));
    }
    return text.toString();
  }
}
