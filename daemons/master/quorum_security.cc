#include "master/quorum_security.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace headpond::master {
namespace {

constexpr const char* kSecret = "headpond.master.embedded.journal.secret.file";
constexpr const char* kCertificate = "headpond.master.embedded.journal.tls.certificate.file";
constexpr const char* kKey = "headpond.master.embedded.journal.tls.key.file";
constexpr const char* kAuthority = "headpond.master.embedded.journal.tls.ca.file";
// Shorter ones can be guessed; longer ones would not fit a header beside the others.
constexpr size_t kMinSecret = 16;
constexpr size_t kMaxSecret = 1024;

Result<std::string> ReadSecret(const std::string& path, io::Env& env) {
  auto secret = io::ReadWholeFile(env, path, kMaxSecret + 1);
  if (!secret.ok()) return secret.status().WithContext(kSecret);
  while (!secret->empty() && (secret->back() == '\n' || secret->back() == '\r')) secret->pop_back();
  const bool printable = std::ranges::all_of(*secret, [](char c) { return c > ' ' && c <= '~'; });
  if (printable && secret->size() >= kMinSecret && secret->size() <= kMaxSecret) return secret;
  return InvalidArgument(
      "{}: {} has to hold one line of {} to {} printable characters without spaces, for example "
      "what `openssl rand -hex 32` prints",
      kSecret, path, kMinSecret, kMaxSecret);
}

}  // namespace

Result<journal::QuorumSecurity> ReadQuorumSecurity(const Config& config, io::Env& env) {
  journal::QuorumSecurity security;
  if (config.IsSet(kSecret)) {
    ASSIGN_OR_RETURN(security.secret, ReadSecret(config.GetString(kSecret), env));
  }
  constexpr std::array kTls = {kCertificate, kKey, kAuthority};
  const auto set = [&](const char* key) { return config.IsSet(key); };
  if (std::ranges::none_of(kTls, set)) return security;
  const auto missing = std::ranges::find_if_not(kTls, set);
  if (missing != kTls.end())
    return InvalidArgument("{} is not set: masters that speak TLS to each other need {}, {} and {}",
                           *missing, kCertificate, kKey, kAuthority);
  auto tls = net::MutualTls::Load({.certificate = config.GetString(kCertificate),
                                   .key = config.GetString(kKey),
                                   .authority = config.GetString(kAuthority)});
  if (!tls.ok()) return tls.status().WithContext("headpond.master.embedded.journal.tls");
  security.tls = *std::move(tls);
  return security;
}

}  // namespace headpond::master
