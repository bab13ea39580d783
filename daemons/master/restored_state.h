#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "journal/journal.h"
#include "meta/namespace.h"
#include "ufs/ufs.h"

namespace headpond::master {

// The namespace that a backup or another journal holds, as the first snapshot of a new journal. Not
// thread safe.
class RestoredState final : public journal::SnapshotSource {
 public:
  // Reads the whole backup and checks that what it holds is a namespace. Blocks on I/O. Errors: as
  // ReadBackup.
  static Result<std::unique_ptr<RestoredState>> Read(ufs::UfsReader& file,
                                                     meta::NamespaceOptions options);

  // The same of what a journal holds, which was not read yet.
  static Result<std::unique_ptr<RestoredState>> Replay(journal::Journal& journal,
                                                       meta::NamespaceOptions options);

  Result<std::vector<std::string>> NextBatch() override;
  size_t inodes() const { return namespace_.inodes().size(); }

 private:
  explicit RestoredState(meta::NamespaceOptions options) : namespace_(std::move(options)) {}

  meta::Namespace namespace_;
  meta::Namespace::SnapshotCursor cursor_;
};

}  // namespace headpond::master
