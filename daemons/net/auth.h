#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/channel_registry.h"
#include "net/impersonation.h"
#include "net/user_groups.h"

namespace grpc {
class ServerContextBase;
}

namespace headpond::net {

// alluxio.security.authentication.type
enum class AuthType {
  kNoSasl,  // nobody is asked; every call is the process's own user's
  kSimple,  // clients state their user name
};

// "NOSASL" or "SIMPLE" in any case. Errors: InvalidArgument, with the remedy, for CUSTOM (its
// provider is a Java class), KERBEROS (refused by 2.9 too) and unknown words.
Result<AuthType> ParseAuthType(std::string_view text);

// The metadata key that names the channel of a call.
inline constexpr char kChannelIdKey[] = "channel-id";

// Decides who makes each call to one server. Thread safe.
//
// A client authenticates a channel once, over the long-lived stream that SaslService serves; every
// call on that channel then names it in its metadata.
// Source: compat/behaviour.md section 1.
class Authenticator {
 public:
  struct Options {
    AuthType type = AuthType::kSimple;
    std::string process_user;  // who calls are made by under kNoSasl; see ProcessUser()
    ImpersonationRules impersonation;
    ChannelRegistry::Options channels;
  };

  // `groups` and `clock` must outlive this.
  Authenticator(Options options, UserGroups& groups, const Clock& clock);

  AuthType type() const { return options_.type; }

  // The user of a call. `method` is its full name for the error text, such as
  // "alluxio.grpc.file.FileSystemMasterClientService/GetStatus". Does not block.
  // Errors: Unauthenticated when the channel id is missing or unknown; clients answer that by
  // authenticating again and repeating the call.
  Result<CallUser> Authenticate(const ::grpc::ServerContextBase& context,
                                std::string_view method) const;

  // The user that a PLAIN message makes its channel's. Passwords are not checked: SIMPLE means to
  // trust the name. May block while reading groups. Errors: Unauthenticated; Unavailable when
  // groups could not be read.
  Result<CallUser> CheckPlain(std::string_view message) const;

  ChannelRegistry& channels() { return channels_; }

 private:
  const Options options_;
  UserGroups& groups_;
  ChannelRegistry channels_;
};

}  // namespace headpond::net
