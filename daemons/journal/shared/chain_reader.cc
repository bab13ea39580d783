#include "journal/shared/chain_reader.h"

#include <algorithm>

#include "base/log.h"
#include "io/frame_reader.h"
#include "journal/folder.h"
#include "journal/format.h"
#include "journal/snapshot_file.h"

namespace headpond::journal {
namespace {

constexpr std::string_view kRemedy = "restore the journal folder, or the metadata from a backup";

Status BeginAgain(std::string_view why) {
  return Aborted("the shared journal has to be read again: {}", why);
}

}  // namespace

// Pairs of an epoch and the first entry that its snapshot does not replace, newest first.
Result<std::vector<Segment>> ChainReader::Snapshots() const {
  std::vector<Segment> snapshots;
  for (const Segment& segment : chain_) {
    const auto files = ListFolder(env_, epochs_.LogFolder(segment.epoch));
    if (files.status().code() == Code::kNotFound) continue;  // cleaned up
    if (!files.ok()) return files.status();
    for (const uint64_t first : files->snapshots)
      snapshots.push_back({.epoch = segment.epoch, .first = first});
  }
  std::ranges::sort(snapshots, [](const Segment& one, const Segment& other) {
    return std::pair(one.first, one.epoch) > std::pair(other.first, other.epoch);
  });
  return snapshots;
}

// Each is read twice, because half a snapshot can't be taken back out of the replayer.
Status ChainReader::ReadSnapshot(Replayer& replayer) {
  RETURN_IF_ERROR(RefreshChain());
  if (chain_.empty()) return Status::Ok();
  ASSIGN_OR_RETURN(const auto snapshots, Snapshots());
  for (const Segment& snapshot : snapshots) {
    const std::string path = SnapshotPath(epochs_.LogFolder(snapshot.epoch), snapshot.first);
    const auto summary = journal::ReadSnapshot(env_, path, cluster_id_, nullptr);
    if (summary.status().code() == Code::kNotFound)
      return BeginAgain("a newer snapshot has replaced the one that was to be read");
    if (summary.status().code() == Code::kDataLoss) {
      LogWarn("journal", "trying to do without a snapshot: {}", summary.status().message());
      continue;
    }
    RETURN_IF_ERROR(summary.status());
    const Status given =
        journal::ReadSnapshot(env_, path, cluster_id_, [&replayer](std::string_view record) {
          return replayer.OnSnapshotRecord(record);
        }).status();
    if (given.code() == Code::kNotFound)
      return BeginAgain("a snapshot was replaced while it was read");
    RETURN_IF_ERROR(given);
    snapshot_first_ = snapshot.first;
    snapshot_epoch_ = snapshot.epoch;
    shown_ = summary->shown_sequence;
    applied_ = snapshot.first - 1;
    return Status::Ok();
  }
  if (chain_.front().first == 1 && snapshots.empty()) return Status::Ok();
  return DataLoss(
      "{}: no snapshot can be read, and the log does not reach back to the beginning; {}",
      epochs_.folder(), kRemedy);
}

Status ChainReader::RefreshChain() {
  ASSIGN_OR_RETURN(const Epochs::Names names, epochs_.List());
  if (names.begun == chain_epoch_) return Status::Ok();
  if (names.begun < chain_epoch_)
    return Unavailable("{}: epoch {} is gone: is the folder still mounted?", epochs_.folder(),
                       chain_epoch_);
  auto chain = epochs_.ReadChain(names.begun);
  // A still newer one has begun, and was cleaned up behind.
  if (chain.status().code() == Code::kNotFound) return BeginAgain("an epoch was cleaned up");
  RETURN_IF_ERROR(chain.status());
  chain_ = *std::move(chain);
  chain_epoch_ = names.begun;
  place_ = {};
  return CheckStillPart();
}

Status ChainReader::CheckStillPart() const {
  if (applied_epoch_ == 0) return Status::Ok();
  const auto segment = std::ranges::find(chain_, applied_epoch_, &Segment::epoch);
  if (segment == chain_.end())
    return BeginAgain("the epoch that was read last is no part of the journal any more");
  if (applied_ <= EndOf(*segment)) return Status::Ok();
  return BeginAgain("entries that were read last are no part of the journal");
}

uint64_t ChainReader::EndOf(const Segment& segment) const {
  const auto next = std::ranges::upper_bound(chain_, segment.epoch, {}, &Segment::epoch);
  return next == chain_.end() ? UINT64_MAX : next->first - 1;
}

Result<Segment> ChainReader::NextSegment() const {
  const auto after = std::ranges::upper_bound(chain_, applied_ + 1, {}, &Segment::first);
  if (after == chain_.begin()) return Missing();
  return *std::prev(after);
}

// Either a snapshot took its place meanwhile, or it is lost.
Status ChainReader::Missing() const {
  ASSIGN_OR_RETURN(const auto snapshots, Snapshots());
  if (!snapshots.empty() && snapshots.front().first > applied_ + 1)
    return BeginAgain("a snapshot has replaced the entries that come next");
  return DataLoss("{}: the log with entry {} is missing or damaged; {}", epochs_.folder(),
                  applied_ + 1, kRemedy);
}

Result<uint64_t> ChainReader::ReadMore(Replayer& replayer) {
  RETURN_IF_ERROR(RefreshChain());
  if (chain_.empty()) return 0;
  const uint64_t before = applied_;
  for (;;) {
    ASSIGN_OR_RETURN(const Segment segment, NextSegment());
    ASSIGN_OR_RETURN(const bool complete, FindLog(segment));
    const int64_t offset = place_.offset;
    RETURN_IF_ERROR(ReadLog(segment, replayer));
    if (place_.offset != offset) continue;
    if (complete) return Missing();
    return applied_ - before;
  }
}

// The log that the next entry is in, or will be. Whether its master goes on elsewhere already, so
// that all of it must be there.
Result<bool> ChainReader::FindLog(const Segment& segment) {
  const auto files = ListFolder(env_, epochs_.LogFolder(segment.epoch));
  if (files.status().code() == Code::kNotFound) return Missing();
  RETURN_IF_ERROR(files.status());
  const auto after = std::ranges::upper_bound(files->logs, applied_ + 1);
  if (after == files->logs.begin()) return Missing();
  const uint64_t log = *std::prev(after);
  if (place_.epoch != segment.epoch || place_.log != log)
    place_ = {.epoch = segment.epoch, .log = log, .offset = int64_t{kFileHeaderBytes}};
  return after != files->logs.end() || EndOf(segment) != UINT64_MAX;
}

Status ChainReader::ReadLog(const Segment& segment, Replayer& replayer) {
  const std::string path = LogPath(epochs_.LogFolder(segment.epoch), place_.log);
  auto reader = io::FrameReader::Open(env_, path, FileKind::kLog, cluster_id_);
  if (reader.status().code() == Code::kNotFound) return Missing();
  RETURN_IF_ERROR(reader.status());
  const uint64_t end = EndOf(segment);
  while (applied_ < end) {
    ASSIGN_OR_RETURN(const auto frame, reader->FrameAt(place_.offset));
    if (!frame) break;
    if (frame->type == FrameType::kEntries) {
      RETURN_IF_ERROR(Take(path, *frame, end, replayer));
      applied_epoch_ = segment.epoch;
      last_log_ = path;
      last_frame_ = place_.offset;
    } else if (frame->type != FrameType::kCleanEnd) {
      return DataLoss("{}: a snapshot's frame at offset {} of a log; {}", path, place_.offset,
                      kRemedy);
    }
    place_.offset += static_cast<int64_t>(frame->bytes());
  }
  return Status::Ok();
}

// A snapshot may replace the first entries of a frame.
Status ChainReader::Take(const std::string& path, const io::Frame& frame, uint64_t end,
                         Replayer& replayer) {
  const uint64_t last = frame.first + frame.count - 1;
  if (frame.count == 0 || frame.first > applied_ + 1 || last > end)
    return DataLoss("{}: entries {} to {} at offset {} where {} is expected; {}", path, frame.first,
                    last, place_.offset, applied_ + 1, kRemedy);
  uint64_t sequence = frame.first;
  for (const std::string_view record : frame.Records()) {
    if (sequence > applied_) {
      if (const Status status = replayer.OnEntry(sequence, record); !status.ok())
        return status.WithContext(
            fmt::format("{}: entry {} at offset {}", path, sequence, place_.offset));
      applied_ = sequence;
    }
    ++sequence;
  }
  return Status::Ok();
}

// A log whose master died may end in a torn frame, of which nothing was acknowledged.
Status ChainReader::CheckEnd() const {
  if (place_.log == 0) return Status::Ok();
  const std::string path = LogPath(epochs_.LogFolder(place_.epoch), place_.log);
  auto reader = io::FrameReader::Open(env_, path, FileKind::kLog, cluster_id_);
  if (reader.status().code() == Code::kNotFound) return Missing();
  RETURN_IF_ERROR(reader.status());
  reader->SkipTo(place_.offset);
  ASSIGN_OR_RETURN(const io::Tail tail, reader->JudgeTail(/*newest=*/true));
  if (tail.kind != io::Tail::Kind::kDamaged) return Status::Ok();
  return DataLoss(
      "{}: damaged at offset {} (after entry {}): entries that were durable follow at offset {}; "
      "{}",
      path, place_.offset, applied_, tail.later.value_or(0), kRemedy);
}

Status ChainReader::Settle() {
  RETURN_IF_ERROR(CheckEnd());
  // A master whose sync of a folder failed leaves names there that only the page cache knows: of a
  // snapshot, for one, without which the chain would lead nowhere.
  for (const Segment& segment : Needed()) {
    const Status synced = env_.SyncDirectory(epochs_.LogFolder(segment.epoch));
    if (!synced.ok() && synced.code() != Code::kNotFound) return synced;  // not cleaned up
  }
  return last_log_.empty() ? Status::Ok() : env_.RewriteTail(last_log_, last_frame_);
}

Chain ChainReader::Needed() const {
  Chain chain;
  for (const Segment& segment : chain_)
    if (segment.epoch >= snapshot_epoch_) chain.push_back(segment);
  return chain;
}

Chain ChainReader::ContinuedBy(uint64_t epoch) const {
  Chain chain = Needed();
  chain.push_back({.epoch = epoch, .first = applied_ + 1});
  return chain;
}

}  // namespace headpond::journal
