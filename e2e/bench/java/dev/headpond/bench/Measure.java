package dev.headpond.bench;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** What the benchmarks share: the server's CPU time, threads, one printed figure a line. */
final class Measure {
  /** Clock ticks a second in /proc, fixed by the Linux ABI for user space. */
  private static final double TICKS_PER_SECOND = 100.0;

  private static final String SERVER_PID = System.getProperty("headpond.bench.server.pid");

  private Measure() {}

  /** User and system seconds the measured server has used so far; proc(5), fields 14 and 15. */
  static double serverCpuSeconds() throws Exception {
    String stat = Files.readString(Path.of("/proc", SERVER_PID, "stat"), StandardCharsets.UTF_8);
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / TICKS_PER_SECOND;
  }

  static void print(String key, double value) {
    System.out.printf("%s=%.3f%n", key, value);
  }

  /** Work of one thread; the result is how many operations it did. */
  interface Worker {
    long run(int thread) throws Exception;
  }

  /** Runs the worker in so many threads at once; returns the sum. The first failure is thrown. */
  static long inThreads(int threads, Worker worker) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      List<Callable<Long>> tasks = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        int thread = i;
        tasks.add(() -> worker.run(thread));
      }
      long sum = 0;
      for (Future<Long> result : pool.invokeAll(tasks)) {
        sum += result.get();
      }
      return sum;
    } finally {
      pool.shutdownNow();
    }
  }
}
