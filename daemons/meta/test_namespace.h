#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/path.h"
#include "meta/namespace.h"
#include "meta/ops/blocks.h"
#include "meta/ops/complete_file.h"
#include "meta/ops/create_directory.h"
#include "meta/ops/create_file.h"
#include "meta/ops/mount.h"
#include "meta/ops/operation.h"
#include "testing/status_matchers.h"

namespace headpond::meta {

// A namespace for tests: every mutation goes through the journal's codec before it is applied,
// invariants are checked after each, and the journal is kept so that it can be replayed.
class TestNamespace {
 public:
  explicit TestNamespace(NamespaceOptions options = {}) : options_(options), ns_(options) {
    InitializeRequest request;
    request.now_ms = now_ms;
    request.owner = "root";
    request.group = "root";
    request.cluster_id = "cluster";
    request.root_mount.ufs_uri = "/ufs";
    Apply(*PlanInitialize(ns_, request));
  }

  const Namespace& operator*() const { return ns_; }
  const Namespace* operator->() const { return &ns_; }
  const std::vector<std::string>& journal() const { return journal_; }
  const NamespaceOptions& options() const { return options_; }

  void Apply(const Mutation& mutation) {
    journal_.push_back(EncodeMutation(mutation));
    auto decoded = DecodeMutation(journal_.back());
    ASSERT_OK(decoded);
    ns_.Apply(*decoded);
    if (check_invariants) {
      ASSERT_OK(ns_.CheckInvariants());
    }
  }

  // Applies the mutation of a plan that may have failed; returns its status.
  template <typename Plan>
  Status Commit(const Result<Plan>& plan) {
    if (!plan.ok()) return plan.status();
    if constexpr (std::is_same_v<Plan, Mutation>) {
      Apply(*plan);
    } else {
      Apply(plan->mutation);
    }
    return Status::Ok();
  }

  OperationContext Context(std::string user = "root") const {
    OperationContext context;
    context.caller.user = std::move(user);
    context.caller.groups = {context.caller.user};
    context.now_ms = now_ms;
    return context;
  }

  // "/a/b/" makes a directory, "/a/b" a complete file of `size` bytes; parents as needed.
  InodeId Make(std::string_view path, int64_t size = 0, bool persisted = false) {
    if (path.ends_with('/')) {
      CreateDirectoryRequest request;
      request.context = Context();
      request.path = path.substr(0, path.size() - 1);
      request.recursive = true;
      request.persisted = persisted;
      const auto plan = PlanCreateDirectory(ns_, request);
      EXPECT_OK(Commit(plan));
      return plan.ok() ? plan->directory_id : kNoInode;
    }
    CreateFileRequest request;
    request.context = Context();
    request.path = path;
    request.recursive = true;
    request.persisted = persisted;
    const auto plan = PlanCreateFile(ns_, request);
    EXPECT_OK(Commit(plan));
    if (!plan.ok()) return kNoInode;
    EXPECT_OK(Fill(request.path, size));
    return plan->file_id;
  }

  // Writes the blocks of an open file and completes it.
  Status Fill(const std::string& path, int64_t size) {
    const Inode file = *ns_.Lookup(path);
    if (!file.persisted()) {
      const int64_t block_size = file.block_size();
      for (int64_t written = 0; written < size; written += block_size) {
        NewBlockRequest request{Context(), path};
        auto block = PlanNewBlock(ns_, request);
        RETURN_IF_ERROR(Commit(block));
        RETURN_IF_ERROR(Commit(
            PlanCommitBlock(ns_, block->block_id, std::min(block_size, size - written), now_ms)));
      }
    }
    CompleteFileRequest request;
    request.context = Context();
    request.path = path;
    request.ufs_length = size;
    request.fingerprint = fmt::format(
        "TYPE|FILE UFS|local OWNER|root GROUP|root MODE|420 CONTENT_HASH|(len:{},_modtime:{}) ",
        size, now_ms);
    return Commit(PlanCompleteFile(ns_, request));
  }

  // Every path, directories with a slash, files with their size: "/a/ /a/f:3".
  std::string Tree() const {
    std::string text;
    for (const auto& [path, inode] : Paths()) {
      if (path == "/") continue;
      if (!text.empty()) text += ' ';
      text += path;
      text += inode.is_directory() ? "/" : fmt::format(":{}", inode.length());
    }
    return text;
  }

  std::map<std::string, Inode> Paths() const {
    std::map<std::string, Inode> paths;
    ns_.inodes().Walk(0, ns_.inodes().size(),
                      [&](Inode inode) { paths.emplace(ns_.PathOf(inode), inode); });
    return paths;
  }

  Inode At(const std::string& path) const {
    const auto inode = ns_.Lookup(path);
    EXPECT_OK(inode);
    return inode.ok() ? *inode : Inode();
  }

  int64_t now_ms = 1'700'000'000'000;
  bool check_invariants = true;

 private:
  NamespaceOptions options_;
  Namespace ns_;
  std::vector<std::string> journal_;
};

}  // namespace headpond::meta
