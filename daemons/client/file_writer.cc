#include "client/file_writer.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "base/log.h"
#include "client/block_sink.h"
#include "client/convert.h"
#include "client/impl.h"
#include "client/methods.h"
#include "net/retry.h"

namespace headpond::client {
namespace {

namespace wire = alluxio::grpc::file;

// 2.9 leaves a file alone (until someone persists it) with this persistence wait time.
constexpr int64_t kNoAutoPersist = -1;

// The first bytes of a block are kept, so that a small file survives a worker that is gone without
// being noticed yet.
constexpr size_t kReplayBytes = 1 << 20;

bool MeansUnreachable(Code code) {
  return code == Code::kUnavailable || code == Code::kDeadlineExceeded;
}

alluxio::proto::shared::AccessControlList AclToWorker(const Acl& acl) {
  alluxio::proto::shared::AccessControlList wire;
  wire.set_owninguser(acl.owner);
  wire.set_owninggroup(acl.owning_group);
  const auto fill = [](int bits, alluxio::proto::shared::AclActions* actions) {
    if (bits & 4) actions->add_actions(alluxio::proto::shared::READ);
    if (bits & 2) actions->add_actions(alluxio::proto::shared::WRITE);
    if (bits & 1) actions->add_actions(alluxio::proto::shared::EXECUTE);
  };
  for (const AclEntry& entry : acl.entries) {
    switch (entry.type) {
      case AclEntry::Type::kOwner:
      case AclEntry::Type::kNamedUser: {
        auto* named = wire.add_useractions();
        named->set_name(entry.subject);
        fill(entry.bits, named->mutable_actions());
        break;
      }
      case AclEntry::Type::kOwningGroup:
      case AclEntry::Type::kNamedGroup: {
        auto* named = wire.add_groupactions();
        named->set_name(entry.subject);
        fill(entry.bits, named->mutable_actions());
        break;
      }
      case AclEntry::Type::kMask: fill(entry.bits, wire.mutable_maskactions()); break;
      case AclEntry::Type::kOther: fill(entry.bits, wire.mutable_otheractions()); break;
    }
  }
  wire.set_isdefault(acl.is_default);
  return wire;
}

}  // namespace

class FileWriter::Impl {
 public:
  Impl(FileSystem::Impl& fs, FileInfo info, WriteType type, Policy policy,
       const CreateOptions& options)
      : fs_(fs),
        info_(std::move(info)),
        type_(type),
        policy_(policy),
        only_(options.worker),
        tier_(options.write_tier.value_or(
            static_cast<int>(fs.config().GetInt("alluxio.user.file.write.tier.default")))),
        caching_(type != WriteType::kThrough) {}

  ~Impl() { Cancel(); }

  bool WritesThrough() const {
    return type_ == WriteType::kThrough || type_ == WriteType::kCacheThrough;
  }

  // Before the first Write.
  Status OpenUnderStore() {
    if (!WritesThrough()) return Status::Ok();
    alluxio::proto::dataserver::CreateUfsFileOptions options;
    options.set_ufs_path(info_.ufs_path);
    options.set_owner(info_.owner);
    options.set_group(info_.group);
    options.set_mode(info_.mode);
    options.set_mount_id(info_.mount_id);
    if (info_.acl) *options.mutable_acl() = AclToWorker(*info_.acl);
    const auto open = [&](const WorkerAddress& worker) {
      return OpenUfsSink(fs_, worker, options);
    };
    ASSIGN_OR_RETURN(under_store_, OpenOnAWorker(/*block_id=*/-1, /*block_size=*/0, open));
    return Status::Ok();
  }

  Status Write(std::string_view data) {
    if (closed_) return FailedPrecondition("{} is closed", info_.path);
    const auto written = static_cast<int64_t>(data.size());
    if (under_store_) RETURN_IF_ERROR(under_store_->Append(data));
    if (caching_) RETURN_IF_ERROR(Survivable(Cache(data)));
    position_ += written;
    return Status::Ok();
  }

  Status Close() {
    if (closed_) return FailedPrecondition("{} is closed", info_.path);
    if (block_) RETURN_IF_ERROR(Survivable(CommitBlock()));
    wire::CompleteFilePRequest request;
    request.set_path(info_.path);
    auto* options = request.mutable_options();
    if (under_store_) {
      RETURN_IF_ERROR(under_store_->Commit());
      options->set_ufslength(position_);
      if (!under_store_->content_hash().empty())
        options->set_contenthash(under_store_->content_hash());
      under_store_.reset();
    }
    if (type_ == WriteType::kAsyncThrough) {
      const int64_t wait_ms =
          fs_.config().GetDuration("alluxio.user.file.persistence.initial.wait.time").count();
      if (wait_ms != kNoAutoPersist)
        options->mutable_asyncpersistoptions()->set_persistencewaittime(wait_ms);
    }
    fs_.SetOperationId(options->mutable_commonoptions());
    RETURN_IF_ERROR(fs_.master().Call(methods::kCompleteFile, request).status());
    closed_ = true;
    return Status::Ok();
  }

  void Leave() {
    closed_ = true;
    block_.reset();
    under_store_.reset();
  }

  void Cancel() {
    if (closed_) return;
    Leave();
    wire::DeletePRequest request;
    request.set_path(info_.path);
    request.mutable_options()->set_unchecked(true);
    fs_.SetOperationId(request.mutable_options()->mutable_commonoptions());
    const Status status = fs_.master().Call(methods::kRemove, request).status();
    if (!status.ok())
      LogWarn("client", "removing the incomplete file {}: {}", info_.path, status.message());
  }

  const FileInfo& info() const { return info_; }
  int64_t position() const { return position_; }

 private:
  // A failing cache only costs the cache when the under-store gets the bytes anyway.
  Status Survivable(const Status& status) {
    if (status.ok()) return status;
    if (!WritesThrough()) return Status(status.code(), "Failed to cache: " + status.message());
    LogWarn("client", "{} is written to the under-store only: {}", info_.path, status.message());
    block_.reset();
    caching_ = false;
    return Status::Ok();
  }

  Status Cache(std::string_view data) {
    while (!data.empty()) {
      if (!block_) RETURN_IF_ERROR(OpenBlock());
      const std::string_view some =
          data.substr(0, static_cast<size_t>(info_.block_size - block_position_));
      RETURN_IF_ERROR(WithFailover([&] { return block_->Append(some); }));
      // Kept while it is little, so that a small block can be sent again.
      if (head_.size() == static_cast<size_t>(block_position_) &&
          head_.size() + some.size() <= kReplayBytes)
        head_.append(some);
      block_position_ += static_cast<int64_t>(some.size());
      data.remove_prefix(some.size());
      if (block_position_ == info_.block_size) RETURN_IF_ERROR(CommitBlock());
    }
    return Status::Ok();
  }

  Status OpenBlock() {
    wire::GetNewBlockIdForFilePRequest request;
    request.set_path(info_.path);
    request.mutable_options();
    ASSIGN_OR_RETURN(const auto response,
                     fs_.master().Call(methods::kGetNewBlockIdForFile, request));
    target_ = {.block_id = response.id(),
               .block_size = info_.block_size,
               .tier = tier_,
               .pin = type_ == WriteType::kAsyncThrough};
    unreachable_.clear();
    head_.clear();
    block_position_ = 0;
    return OpenTarget();
  }

  Status OpenTarget() {
    ASSIGN_OR_RETURN(block_, OpenOnAWorker(target_.block_id, target_.block_size,
                                           [&](const WorkerAddress& worker) {
                                             target_.worker = worker;
                                             return OpenBlockSink(fs_, target_);
                                           }));
    return Status::Ok();
  }

  Status CommitBlock() {
    RETURN_IF_ERROR(WithFailover([&] { return block_->Commit(); }));
    block_.reset();
    return Status::Ok();
  }

  // Runs `step` on the open block. A worker that turns out to be out of reach is replaced as long
  // as all that it was sent is still here.
  Status WithFailover(const std::function<Status()>& step) {
    while (true) {
      const Status status = step();
      const bool replayable = head_.size() == static_cast<size_t>(block_position_) && !only_;
      if (!MeansUnreachable(status.code()) || !replayable) return status;
      LogDebug("client", "block {} goes to another worker: {}", target_.block_id, status.message());
      unreachable_.push_back(target_.worker);
      block_.reset();
      if (!OpenTarget().ok()) return status;
      const Status replayed = block_->Append(head_);
      if (!replayed.ok() && !MeansUnreachable(replayed.code())) return replayed;
    }
  }

  // While there are no workers at all, which those of a cluster whose leader has changed soon are:
  // as long as alluxio.user.file.write.init.* says.
  Status AwaitWorkers() {
    ASSIGN_OR_RETURN(auto workers, fs_.Workers(/*refresh=*/false));
    if (!workers.empty()) return Status::Ok();
    const Config& config = fs_.config();
    Random random(fs_.RandomNumber());
    net::Backoff backoff(
        {.base_sleep = config.GetDuration("alluxio.user.file.write.init.sleep.min"),
         .max_sleep = config.GetDuration("alluxio.user.file.write.init.sleep.max"),
         .max_duration = config.GetDuration("alluxio.user.file.write.init.max.duration")},
        fs_.clock(), random);
    while (workers.empty()) {
      const auto pause = backoff.Next();
      if (!pause) break;
      RETURN_IF_ERROR(pause_.For(*pause));
      ASSIGN_OR_RETURN(workers, fs_.Workers(/*refresh=*/false));
    }
    return Status::Ok();
  }

  // Tries one worker after the other while they can't be reached.
  template <typename Opener>
  Result<std::unique_ptr<DataSink>> OpenOnAWorker(int64_t block_id, int64_t block_size,
                                                  const Opener& open) {
    if (only_) return open(*only_);
    Status last;
    while (true) {
      if (unreachable_.empty()) RETURN_IF_ERROR(AwaitWorkers());
      const Result<WorkerAddress> worker =
          fs_.PickWorker(policy_, block_id, block_size, unreachable_);
      if (!worker.ok()) return last.ok() ? worker.status() : last;
      Result<std::unique_ptr<DataSink>> sink = open(*worker);
      if (sink.ok() || !MeansUnreachable(sink.status().code())) return sink;
      last = sink.status();
      unreachable_.push_back(*worker);
    }
  }

  FileSystem::Impl& fs_;
  const FileInfo info_;
  const WriteType type_;
  const Policy policy_;
  const std::optional<WorkerAddress> only_;
  const int tier_;
  bool caching_;
  std::unique_ptr<DataSink> under_store_;
  std::unique_ptr<DataSink> block_;
  BlockTarget target_;  // of block_
  int64_t block_position_ = 0;
  std::string head_;  // all of the block so far, while that is at most kReplayBytes
  std::vector<WorkerAddress> unreachable_;
  net::Pause pause_;
  int64_t position_ = 0;
  bool closed_ = false;
};

FileWriter::FileWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileWriter::~FileWriter() = default;

const FileInfo& FileWriter::info() const {
  return impl_->info();
}
int64_t FileWriter::position() const {
  return impl_->position();
}
Status FileWriter::Write(std::string_view data) {
  return impl_->Write(data);
}
Status FileWriter::Close() {
  return impl_->Close();
}
void FileWriter::Cancel() {
  impl_->Cancel();
}
void FileWriter::Leave() {
  impl_->Leave();
}

Result<std::unique_ptr<FileWriter>> FileSystem::Create(std::string_view path,
                                                       const CreateOptions& options) {
  const Config& conf = config();
  wire::CreateFilePRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  ASSIGN_OR_RETURN(const WriteType type, impl_->EffectiveWriteType(options.write_type));
  if (type == WriteType::kNone)
    return InvalidArgument("a file needs a write type; NONE is for directories");
  ASSIGN_OR_RETURN(const Policy policy,
                   impl_->ConfiguredPolicy(options.location_policy,
                                           "alluxio.user.block.write.location.policy.class"));
  const auto integer = [&](std::optional<int> given, std::string_view key) {
    return given.value_or(static_cast<int>(conf.GetInt(key)));
  };
  auto* wire_options = request.mutable_options();
  wire_options->set_blocksizebytes(
      options.block_size.value_or(conf.GetSize("alluxio.user.block.size.bytes.default")));
  wire_options->set_recursive(options.recursive);
  wire_options->set_overwrite(options.overwrite);
  // Files are not executable unless someone says so.
  *wire_options->mutable_mode() = ModeToWire(options.mode.value_or(0666 & ~impl_->umask()));
  wire_options->set_replicationmax(
      integer(options.replication_max, "alluxio.user.file.replication.max"));
  wire_options->set_replicationmin(
      integer(options.replication_min, "alluxio.user.file.replication.min"));
  wire_options->set_replicationdurable(
      integer(options.replication_durable, "alluxio.user.file.replication.durable"));
  wire_options->set_writetier(integer(options.write_tier, "alluxio.user.file.write.tier.default"));
  wire_options->set_writetype(ToWire(type));
  wire_options->set_persistencewaittime(
      conf.GetDuration("alluxio.user.file.persistence.initial.wait.time").count());
  for (const auto& [key, value] : options.xattr) (*wire_options->mutable_xattr())[key] = value;
  auto* common = wire_options->mutable_commonoptions();
  impl_->SetTtl(options.ttl_ms, options.ttl_action, common);
  impl_->SetSyncInterval(std::nullopt, common);
  impl_->SetOperationId(common);
  ASSIGN_OR_RETURN(auto response, impl_->master().Call(methods::kCreateFile, request));
  auto writer = std::make_unique<FileWriter::Impl>(
      *impl_, FromWire(std::move(*response.mutable_fileinfo())), type, policy, options);
  RETURN_IF_ERROR(writer->OpenUnderStore());
  return std::unique_ptr<FileWriter>(new FileWriter(std::move(writer)));
}

}  // namespace headpond::client
