package dev.headpond.bench;

import alluxio.AlluxioURI;
import alluxio.client.file.FileSystem;
import alluxio.conf.Configuration;

/**
 * Makes folders through the stock client, one after another until it is ended.
 *
 * <p>Prints a line for each: when it was begun and when it was acknowledged, in nanoseconds of
 * System.nanoTime, which is CLOCK_MONOTONIC on Linux and so comparable with other processes.
 */
public final class Failover {
  private Failover() {}

  public static void main(String[] args) throws Exception {
    FileSystem fileSystem = FileSystem.Factory.create(Configuration.global());
    String base = "/failover-" + System.nanoTime();
    fileSystem.createDirectory(new AlluxioURI(base));
    for (int i = 0; ; i++) {
      long begun = System.nanoTime();
      fileSystem.createDirectory(new AlluxioURI(base + "/" + i));
      System.out.println(begun + " " + System.nanoTime());
    }
  }
}
