#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headpond::meta {

// Under-store fingerprints ("TYPE|FILE UFS|local OWNER|o GROUP|g MODE|420
// CONTENT_HASH|(len:9,_modtime:17...) ", format in compat/behaviour.md section 11), made small.
// Almost every file of a persisted namespace has one, and all but its end repeats from file to
// file: the front is interned, the end of the local under-store's becomes two numbers (about 10
// bytes instead of 100).
struct SplitFingerprint {
  std::string_view front;  // up to and including "CONTENT_HASH|"; "" when the text has no such part
  std::string_view rest;
};
SplitFingerprint SplitAtContentHash(std::string_view fingerprint);

// Any text, shorter where it has the local under-store's form. DecodeRest(EncodeRest(x)) == x for
// every x.
std::string EncodeRest(std::string_view rest);
std::string DecodeRest(std::string_view code);

// The value of one key of a fingerprint, or nullopt.
std::optional<std::string_view> FingerprintField(std::string_view fingerprint,
                                                 std::string_view key);

// The same fingerprint with another value for `key`, as stock writes values: blanks and bars become
// '_', and so does an empty one. Unchanged when it has no such key.
std::string WithField(std::string_view fingerprint, std::string_view key, std::string_view value);

// Unsigned numbers in groups of seven bits, low ones first. Get moves `in` behind the number; it
// must hold one.
void PutVarint(std::string& out, uint64_t value);
uint64_t GetVarint(const char*& in);

}  // namespace headpond::meta
