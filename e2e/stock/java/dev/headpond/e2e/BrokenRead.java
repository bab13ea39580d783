package dev.headpond.e2e;

import alluxio.AlluxioURI;
import alluxio.client.file.FileInStream;
import alluxio.client.file.FileOutStream;
import alluxio.client.file.FileSystem;
import alluxio.client.file.FileSystemContext;
import alluxio.conf.Configuration;
import alluxio.grpc.CreateFilePOptions;
import alluxio.grpc.WritePType;
import java.util.Arrays;
import java.util.Random;

/**
 * Reads a file of one block with the stock client, in the middle of which an observer takes the
 * block away from the worker, and tells whether the bytes that came were the file's all the same.
 *
 * <p>Arguments: PATH BYTES. Prints "READING" when the first MiB has come, goes on when a line comes
 * on standard input, and prints content_equal=true|false or failed=WHY.
 */
public final class BrokenRead {
  private static final int BUFFER_BYTES = 1 << 20;

  private BrokenRead() {}

  public static void main(String[] args) throws Exception {
    AlluxioURI path = new AlluxioURI(args[0]);
    byte[] content = new byte[Integer.parseInt(args[1])];
    new Random(content.length).nextBytes(content);

    FileSystem fileSystem =
        FileSystem.Factory.create(FileSystemContext.create(Configuration.global()));
    CreateFilePOptions options =
        CreateFilePOptions.newBuilder()
            .setWriteType(WritePType.CACHE_THROUGH)
            .setBlockSizeBytes(content.length)
            .build();
    try (FileOutStream out = fileSystem.createFile(path, options)) {
      out.write(content);
    }

    byte[] read = new byte[content.length];
    try (FileInStream in = fileSystem.openFile(path)) {
      int length = readFully(in, read, 0, BUFFER_BYTES);
      System.out.println("READING");
      System.in.read();
      length += readFully(in, read, length, read.length - length);
      System.out.println("content_equal=" + (length == read.length && Arrays.equals(read, content)));
    } catch (Exception e) {
      System.out.println("failed=" + e);
    }
    fileSystem.delete(path);
    System.exit(0); // the client's own threads are not all daemons
  }

  private static int readFully(FileInStream in, byte[] into, int offset, int length)
      throws Exception {
    int done = 0;
    while (done < length) {
      int now = in.read(into, offset + done, Math.min(BUFFER_BYTES, length - done));
      if (now < 0) {
        break;
      }
      done += now;
    }
    return done;
  }
}
