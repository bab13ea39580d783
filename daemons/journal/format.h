#pragma once

#include "io/frame_format.h"

namespace headpond::journal {

// The journal's files are made of io's frames; these names of theirs are the journal's too.
using io::DecodeFileHeader;
using io::DecodeUint64;
using io::EncodeFileHeader;
using io::EncodeUint64;
using io::FileHeader;
using io::FileKind;
using io::Frame;
using io::FrameBuilder;
using io::FrameType;
using io::kFileHeaderBytes;
using io::kFormatVersion;
using io::kFrameHeaderBytes;
using io::kMaxClusterIdBytes;
using io::kMaxFrameBodyBytes;
using io::kMaxRecordBytes;
using io::kRecordOverheadBytes;

}  // namespace headpond::journal
