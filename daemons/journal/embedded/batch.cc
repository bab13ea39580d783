#include "journal/embedded/batch.h"

namespace headpond::journal {

bool IsBatch(const consensus::Entry& entry) {
  return entry.kind == consensus::EntryKind::kNormal && !entry.data.empty();
}

Result<io::Frame> ParseBatch(const consensus::Entry& entry) {
  const auto frame = io::ParseFrame(entry.data, entry.term);
  if (!frame || frame->type != io::FrameType::kEntries || frame->bytes() != entry.data.size())
    return DataLoss("entry {} of term {} in the quorum's log is no batch of that term", entry.index,
                    entry.term);
  return *frame;
}

}  // namespace headpond::journal
