// fs cp, copyFromLocal, copyToLocal
#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/path.h"
#include "cli/fs_commands.h"
#include "cli/glob.h"
#include "cli/progress.h"
#include "cli/transfer.h"
#include "cli/work_group.h"

namespace headpond::cli {
namespace {

namespace files = std::filesystem;
using client::FileInfo;

constexpr int kDefaultThreads = 8;
constexpr std::string_view kLocalScheme = "file://";

// What the copies of one command share. Printing is for one thread at a time, so through Say.
class Copier {
 public:
  Copier(Call& call, client::FileSystem& fs, int threads)
      : call_(call),
        fs_(fs),
        progress_(call.session.err(), call.session.clock(), 0),
        group_(threads) {
    from_local_.location_policy =
        fs.config().GetString("alluxio.user.file.copyfromlocal.block.location.policy.class");
  }

  Status Finish() { return group_.Wait(); }

  // A local file or folder into the namespace.
  Status FromLocal(const std::string& local, const std::string& to) {
    std::error_code error;
    const files::file_status status = files::status(local, error);
    if (!files::exists(status)) return NotFound("{} (No such file or directory)", local);
    if (!files::is_directory(status)) {
      ASSIGN_OR_RETURN(const bool into, IsFolder(to));
      // 2.9 names the folder, not the file in it.
      QueueFromLocal(local, into ? JoinPath(to, files::path(local).filename().string()) : to, to);
      return Status::Ok();
    }
    RETURN_IF_ERROR(QueueFolder(local, to));
    RETURN_IF_ERROR(group_.Wait());
    Say("Copied {}{} to {}", kLocalScheme, local, to);
    return Status::Ok();
  }

  // All that a local pattern matches, side by side below `to`.
  Status FromLocalGlob(const std::string& pattern, const std::string& to) {
    ASSIGN_OR_RETURN(const std::vector<std::string> sources, ExpandLocalGlob(pattern));
    RETURN_IF_ERROR(MakeFolder(to));
    for (const std::string& local : sources) {
      const std::string below = JoinPath(to, files::path(local).filename().string());
      if (files::is_directory(local)) {
        RETURN_IF_ERROR(QueueFolder(local, below));
      } else {
        QueueFromLocal(local, below);
      }
    }
    RETURN_IF_ERROR(group_.Wait());
    Say("Copied {}{} to {}", kLocalScheme, pattern, to);
    return Status::Ok();
  }

  Status ToLocal(const FileInfo& from, const std::string& local) {
    std::error_code error;
    if (!from.folder) {
      QueueToLocal(from, files::is_directory(local, error) ? files::path(local) / from.name
                                                           : files::path(local));
      return Status::Ok();
    }
    const files::path folder =
        files::is_directory(local, error) ? files::path(local) / from.name : files::path(local);
    files::create_directories(folder, error);
    if (error) return ErrnoStatus(error.value(), folder.string());
    Say("Create directory: {}{}", kLocalScheme, folder.string());
    ASSIGN_OR_RETURN(const auto children, fs_.List(from.path));
    for (const FileInfo& child : children) {
      if (child.folder) {
        RETURN_IF_ERROR(ToLocal(child, (folder / child.name).string()));
      } else {
        QueueToLocal(child, folder / child.name);
      }
    }
    return Status::Ok();
  }

  // Within the namespace, one file after the other.
  Status Within(const FileInfo& from, const std::string& to, bool recursive, bool preserve) {
    if (from.folder && !recursive)
      return FailedPrecondition(
          "{} is a directory, to copy it please use \"cp -R/-r/--recursive <src> <dst>\"",
          from.path);
    if (!from.folder) {
      progress_.AddTotal(from.length);
      RETURN_IF_ERROR(CopyInNamespace(fs_, from, to, progress_));
      if (preserve) RETURN_IF_ERROR(Preserve(from, to));
      Say("Copied {} to {}", from.path, to);
      return Status::Ok();
    }
    RETURN_IF_ERROR(fs_.CreateDirectory(to));
    Say("Created directory: {}", to);
    if (preserve) RETURN_IF_ERROR(Preserve(from, to));
    ASSIGN_OR_RETURN(const auto children, fs_.List(from.path));
    for (const FileInfo& child : children)
      RETURN_IF_ERROR(Within(child, JoinPath(to, child.name), true, preserve));
    return Status::Ok();
  }

  // True for an existing folder; a missing path is none.
  Result<bool> IsFolder(const std::string& path) {
    const Result<FileInfo> info = fs_.GetStatus(path);
    if (info.ok()) return info->folder;
    if (info.status().code() == Code::kNotFound) return false;
    return info.status();
  }

 private:
  template <typename... Args>
  void Say(fmt::format_string<Args...> format, Args&&... args) {
    MutexLock lock(output_);
    progress_.Clear();
    call_.out().Line(format, std::forward<Args>(args)...);
  }

  Status MakeFolder(const std::string& path) {
    client::CreateDirectoryOptions options;
    options.recursive = true;
    options.allow_exists = true;
    return fs_.CreateDirectory(path, options);
  }

  void QueueFromLocal(const std::string& local, const std::string& to) {
    QueueFromLocal(local, to, to);
  }

  void QueueFromLocal(const std::string& local, const std::string& to, const std::string& shown) {
    std::error_code error;
    const auto size = files::file_size(local, error);
    progress_.AddTotal(error ? 0 : static_cast<int64_t>(size));
    group_.Add([this, local, to, shown]() -> Status {
      RETURN_IF_ERROR(CopyToNamespace(fs_, local, to, from_local_, progress_));
      Say("Copied {}{} to {}", kLocalScheme, local, shown);
      return Status::Ok();
    });
  }

  Status QueueFolder(const std::string& local, const std::string& to) {
    RETURN_IF_ERROR(MakeFolder(to));
    std::error_code error;
    files::directory_iterator at(local, error);
    for (; !error && at != files::directory_iterator(); at.increment(error)) {
      const std::string below = JoinPath(to, at->path().filename().string());
      if (at->is_directory()) {
        RETURN_IF_ERROR(QueueFolder(at->path().string(), below));
      } else {
        QueueFromLocal(at->path().string(), below);
      }
    }
    return error ? ErrnoStatus(error.value(), local) : Status::Ok();
  }

  void QueueToLocal(const FileInfo& from, const files::path& local) {
    progress_.AddTotal(from.length);
    CopyToLocal(fs_, from, local.string(), group_, progress_,
                [this, path = from.path, local = local.string()] {
                  Say("Copied {} to {}{}", path, kLocalScheme, local);
                });
  }

  Status Preserve(const FileInfo& from, const std::string& to) {
    client::SetAttributeOptions options;
    options.owner = from.owner;
    options.group = from.group;
    options.mode = from.mode;
    if (!from.folder) {
      options.replication_min = from.replication_min;
      options.replication_max = from.replication_max;
    }
    if (from.ttl_ms >= 0) {
      options.ttl_ms = from.ttl_ms;
      options.ttl_action = from.ttl_action;
    }
    RETURN_IF_ERROR(fs_.SetAttribute(to, options));
    const bool extended = from.acl && from.acl->entries.size() > 3;
    return extended ? fs_.SetAcl(to, client::SetAclAction::kReplace, from.acl->entries)
                    : Status::Ok();
  }

  Call& call_;
  client::FileSystem& fs_;
  client::CreateOptions from_local_;
  Mutex output_;
  Progress progress_;
  WorkGroup group_;  // last: its threads use the above
};

Result<int> Threads(const Args& args) {
  int threads = kDefaultThreads;
  if (const auto text = args.Value("thread")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), threads);
    if (error != std::errc() || *end)
      return InvalidArgument("Failed to parse option thread into an integer");
    if (threads <= 0) return InvalidArgument("thread must be > 0");
  }
  // Accepted and checked as 2.9 does; our buffers have a size of their own.
  if (const auto text = args.Value("buffersize")) {
    int64_t bytes = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), bytes);
    if (error != std::errc() || *end)
      return InvalidArgument("Failed to parse option buffersize into an integer");
  }
  return threads;
}

std::string AbsoluteLocal(const std::string& path) {
  std::error_code error;
  const files::path absolute = files::absolute(path, error).lexically_normal();
  std::string text = (error ? files::path(path) : absolute).string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

Result<int> FromLocal(Call& call, const std::string& source, const std::string& to, int threads) {
  const std::string local = AbsoluteLocal(source);
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  Copier copier(call, *fs, threads);
  RETURN_IF_ERROR(HasGlob(local) ? copier.FromLocalGlob(local, to) : copier.FromLocal(local, to));
  RETURN_IF_ERROR(copier.Finish());
  return kExitOk;
}

Result<int> ToLocal(Call& call, const std::string& pattern, const std::string& destination,
                    int threads, bool recursive) {
  const std::string local = AbsoluteLocal(destination);
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  Copier copier(call, *fs, threads);
  const Status queued = ForEachPath(*fs, pattern, [&](const std::string& path) -> Status {
    ASSIGN_OR_RETURN(const FileInfo info, fs->GetStatus(path));
    if (info.folder && !recursive)
      return FailedPrecondition(
          "{} is a directory, to copy it please use \"cp -R/-r/--recursive <src> <dst>\"", path);
    return copier.ToLocal(info, local);
  });
  RETURN_IF_ERROR(copier.Finish());
  RETURN_IF_ERROR(queued);
  return kExitOk;
}

Result<int> Within(Call& call, const std::string& pattern, const std::string& to, bool recursive) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  ASSIGN_OR_RETURN(const std::vector<std::string> sources, ExpandGlob(*fs, pattern));
  Copier copier(call, *fs, 1);
  ASSIGN_OR_RETURN(const bool into, copier.IsFolder(to));
  if (sources.size() > 1 && !into) return InvalidArgument("Path \"{}\" must be a directory.", to);
  for (const std::string& path : sources) {
    ASSIGN_OR_RETURN(const FileInfo info, fs->GetStatus(path));
    RETURN_IF_ERROR(
        copier.Within(info, into ? JoinPath(to, info.name) : to, recursive, call.args.Has("p")));
  }
  return kExitOk;
}

std::string WithoutScheme(const std::string& uri) {
  return uri.starts_with(kLocalScheme) ? uri.substr(kLocalScheme.size()) : uri;
}

Result<int> CopyFromLocal(Call& call) {
  const Result<int> threads = Threads(call.args);
  if (!threads.ok()) return call.UsageError(threads.status().message());
  return FromLocal(call, WithoutScheme(call.positional()[0]), call.positional()[1], *threads);
}

Result<int> CopyToLocalCommand(Call& call) {
  const Result<int> threads = Threads(call.args);
  if (!threads.ok()) return call.UsageError(threads.status().message());
  return ToLocal(call, call.positional()[0], WithoutScheme(call.positional()[1]), *threads,
                 /*recursive=*/true);
}

Result<int> Cp(Call& call) {
  const std::string& from = call.positional()[0];
  const std::string& to = call.positional()[1];
  const Result<int> threads = Threads(call.args);
  if (!threads.ok()) return call.UsageError(threads.status().message());
  const bool recursive = call.args.Has("R") || call.args.Has("r");
  const bool from_local = from.starts_with(kLocalScheme);
  const bool to_local = to.starts_with(kLocalScheme);
  if (from_local && to_local)
    return InvalidArgument("Copying between two local paths is not what this command is for");
  if (from_local) return FromLocal(call, WithoutScheme(from), to, *threads);
  if (to_local) return ToLocal(call, from, WithoutScheme(to), *threads, recursive);
  return Within(call, from, to, recursive);
}

}  // namespace

std::vector<Command> CopyCommands() {
  const OptionSpec thread{.name = "thread", .value = "num", .help = "files copied at a time"};
  const OptionSpec buffer{
      .name = "buffersize", .value = "bytes", .help = "accepted for scripts' sake"};
  return {
      {.name = "cp",
       .usage = "cp [-R/-r/--recursive] [--buffersize <bytes>] <src> <dst>",
       .help = "Copies files and folders within the namespace, or from and to this machine "
               "(file:///...).",
       .examples = "  headpond fs cp -R /data /backup\n"
                   "  headpond fs cp file:///tmp/report.csv /reports/\n"
                   "  headpond fs cp -R /data file:///tmp/data",
       .min_args = 2,
       .max_args = 2,
       .options = {{.letter = "R", .name = "recursive", .help = "folders with all below them"},
                   {.letter = "r", .help = "the same"},
                   {.letter = "p",
                    .name = "preserve",
                    .help = "keep owner, group, mode, ACL, TTL and replication"},
                   thread,
                   buffer},
       .run = Cp},
      {.name = "copyFromLocal",
       .usage = "copyFromLocal [--thread <num>] [--buffersize <bytes>] <src> <remoteDst>",
       .help = "Copies files and folders of this machine into the namespace, several at a time.",
       .examples = "  headpond fs copyFromLocal --thread 16 ./dataset /data/dataset",
       .min_args = 2,
       .max_args = 2,
       .counts_as = "cp",
       .options = {thread, buffer},
       .run = CopyFromLocal},
      {.name = "copyToLocal",
       .usage = "copyToLocal [--buffersize <bytes>]  <src> <localDst>",
       .help = "Copies files and folders to this machine, several at a time; what is there is "
               "replaced.",
       .examples = "  headpond fs copyToLocal /data/dataset ./dataset",
       .min_args = 2,
       .max_args = 2,
       .counts_as = "cp",
       .options = {thread, buffer},
       .run = CopyToLocalCommand},
  };
}

}  // namespace headpond::cli
