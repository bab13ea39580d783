#include "meta/ops/list.h"

#include <algorithm>

#include "base/path.h"
#include "meta/permission.h"

namespace headpond::meta {
namespace {

Status GoneWhileListing(std::string_view what) {
  return NotFound(
      "\"{}\" Inode was not found during partial listing. It was likely removed across listing "
      "calls.",
      what);
}

// The offset of a partial listing as a path relative to its base; "" = from the beginning.
Result<std::string> OffsetOf(const Namespace& ns, const ListRequest& request) {
  std::string offset = request.start_after;
  if (request.offset_id) {
    const auto path = ns.PathOf(*request.offset_id);
    if (!path.ok()) return GoneWhileListing(path.status().message());
    if (!IsWithin(*path, request.path)) return GoneWhileListing(request.path);
    offset = *path;
  }
  if (!offset.starts_with('/')) return offset;
  if (!IsWithin(offset, request.path)) {
    return InvalidArgument(
        "The start after partial listing option {} is not a prefix of the listing path {}", offset,
        request.path);
  }
  offset.erase(0, request.path == "/" ? 1 : request.path.size());
  if (offset.starts_with('/')) offset.erase(0, 1);
  return offset;
}

}  // namespace

Result<Lister> Lister::Start(const Namespace& ns, const ListRequest& request) {
  const PathWalk walk = ns.Walk(request.path);
  RETURN_IF_ERROR(CheckTraverse(ns, request.caller, walk));
  RETURN_IF_ERROR(walk.Error());
  RETURN_IF_ERROR(CheckAccess(ns, request.caller, walk, kRead));
  Lister lister;
  lister.request_ = request;
  while (lister.request_.prefix.starts_with('/')) lister.request_.prefix.erase(0, 1);
  lister.to_skip_ = std::max<int64_t>(0, request.offset_count);
  const Inode base = walk.inode();
  if (base.is_file()) {
    lister.single_ = base.id();
    lister.file_count_ = 1;
    return lister;
  }
  lister.base_is_directory_ = true;
  lister.file_count_ = request.recursive ? -1 : static_cast<int64_t>(base.child_count());
  lister.frames_.push_back({base.id(), request.path, "", true});
  if (!base.children_loaded()) lister.unloaded_ = request.path;
  ASSIGN_OR_RETURN(std::string offset, OffsetOf(ns, request));
  RETURN_IF_ERROR(lister.SeekAfter(ns, std::move(offset)));
  return lister;
}

// Sets up the stack as if the entry `relative` had been handed out last.
Status Lister::SeekAfter(const Namespace& ns, std::string relative) {
  if (relative.empty()) return Status::Ok();
  ASSIGN_OR_RETURN(const std::string absolute, NormalizePath("/" + relative));
  for (const std::string_view name : PathComponents(absolute)) {
    frames_.back().after = name;
    if (!request_.recursive) break;
    const Inode directory = ns.inodes().Find(frames_.back().directory);
    const Inode child = directory.child(name);
    if (!child || child.is_file() || !MayDescend(ns, child)) break;
    frames_.push_back({child.id(), JoinPath(frames_.back().path, name), "", false});
  }
  return Status::Ok();
}

// As if its path were listed: READ on it, EXECUTE on the one above (those further up were checked
// before).
bool Lister::MayDescend(const Namespace& ns, Inode directory) const {
  if (IsSuperuser(ns, request_.caller)) return true;
  return (PermittedBits(request_.caller, directory) & kRead) != 0 &&
         (PermittedBits(request_.caller, directory.parent()) & kExecute) != 0;
}

std::string_view Lister::Relative(std::string_view path) const {
  path.remove_prefix(request_.path == "/" ? 1 : std::min(path.size(), request_.path.size() + 1));
  return path;
}

std::string_view Lister::PrefixIn(const Frame& frame) const {
  std::string_view prefix = request_.prefix;
  const std::string_view above = Relative(frame.path);
  if (above.empty()) return prefix.substr(0, prefix.find('/'));
  if (prefix.size() <= above.size()) return {};
  prefix.remove_prefix(above.size() + 1);
  return prefix.substr(0, prefix.find('/'));
}

std::vector<FileInfo> Lister::Next(const Namespace& ns, size_t limit) {
  std::vector<FileInfo> entries = Collect(ns, limit);
  // done() must be exact, because partial listings report it: look whether one more would come.
  if (!done() && !unloaded_) {
    Lister probe = *this;
    if (probe.Collect(ns, 1).empty() && !probe.unloaded_) frames_.clear();
  }
  return entries;
}

std::vector<FileInfo> Lister::Collect(const Namespace& ns, size_t limit) {
  std::vector<FileInfo> entries;
  unloaded_.reset();
  if (single_) {
    if (const Inode file = ns.inodes().Find(*single_)) {
      entries.push_back(ns.Describe(file, request_.path, request_.mount_info));
    }
    single_.reset();
    return entries;
  }
  while (!frames_.empty() && entries.size() < limit) {
    Frame& top = frames_.back();
    const Inode directory = ns.inodes().Find(top.directory);
    if (!directory) {
      frames_.pop_back();
      continue;
    }
    if (!top.load_offered && !directory.children_loaded()) {
      top.load_offered = true;
      unloaded_ = top.path;
      return entries;
    }
    if (!Step(ns, limit, entries)) frames_.pop_back();
  }
  return entries;
}

// Goes on in the directory on top until the batch is full or a subdirectory is entered. False at
// the directory's end.
bool Lister::Step(const Namespace& ns, size_t limit, std::vector<FileInfo>& entries) {
  Frame& top = frames_.back();
  const std::string prefix(PrefixIn(top));
  const bool from_prefix = top.after < prefix;
  bool more = false;
  std::optional<Frame> entered;
  const Inode directory = ns.inodes().Find(top.directory);
  entries.reserve(std::min<size_t>(limit, entries.size() + directory.child_count()));
  ns.inodes().ForEachChild(
      directory, from_prefix ? prefix : top.after,
      [&](Inode child) {
        const std::string_view name = child.name();
        if (!name.starts_with(prefix)) return false;  // behind all that match
        if (entries.size() >= limit) {
          more = true;
          return false;
        }
        top.after = name;
        std::string path = JoinPath(top.path, name);
        const bool matches = Relative(path).starts_with(request_.prefix);
        const bool on_the_way =
            matches ||
            std::string_view(request_.prefix).starts_with(fmt::format("{}/", Relative(path)));
        if (request_.recursive && on_the_way && child.is_directory() && MayDescend(ns, child)) {
          entered = Frame{child.id(), path, "", false};
        }
        if (matches && to_skip_ > 0) {
          --to_skip_;
        } else if (matches) {
          entries.push_back(ns.Describe(child, std::move(path), request_.mount_info));
        }
        return !entered;
      },
      from_prefix);
  if (!entered) return more;
  frames_.push_back(*std::move(entered));
  return true;
}

}  // namespace headpond::meta
