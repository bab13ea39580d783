package dev.headpond.e2e;

import alluxio.cli.AbstractShell;
import alluxio.cli.fs.FileSystemShell;
import alluxio.cli.fsadmin.FileSystemAdminShell;
import alluxio.cli.job.JobShell;
import alluxio.conf.Configuration;
import alluxio.conf.InstancedConfiguration;
import alluxio.conf.PropertyKey;
import alluxio.conf.Source;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Runs commands of the stock shells one after another in one JVM: a test pays for one start.
 *
 * <p>Standard input: one command a line, arguments separated by U+001F, the first names the shell
 * (fs, fsadmin, job). Standard output, per command: "EXIT_CODE BYTES\n" and then that many bytes,
 * the command's own standard output.
 */
public final class ShellSession {
  private ShellSession() {}

  public static void main(String[] args) throws Exception {
    PrintStream replies = System.out;
    BufferedReader commands =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      ByteArrayOutputStream captured = new ByteArrayOutputStream();
      System.setOut(new PrintStream(captured, true, "UTF-8"));
      int exitCode = run(line.split("\u001f", -1));
      System.out.flush();
      // A process reports the low byte of its exit code.
      replies.print((exitCode & 0xff) + " " + captured.size() + "\n");
      captured.writeTo(replies);
      replies.flush();
    }
    System.exit(0); // the client's own threads are not all daemons
  }

  private static int run(String[] command) throws Exception {
    String[] arguments = Arrays.copyOfRange(command, 1, command.length);
    try (AbstractShell shell = open(command[0])) {
      return shell.run(arguments);
    }
  }

  private static AbstractShell open(String name) {
    InstancedConfiguration configuration = Configuration.copyGlobal();
    // The shells' own entry points shorten retries like this, so that a user sees an error soon.
    configuration.set(PropertyKey.USER_RPC_RETRY_MAX_DURATION, "5s", Source.DEFAULT);
    switch (name) {
      case "fs":
        return new FileSystemShell(configuration);
      case "fsadmin":
        return new FileSystemAdminShell(configuration);
      case "job":
        return new JobShell(configuration);
      default:
        throw new IllegalArgumentException("unknown shell " + name);
    }
  }
}
