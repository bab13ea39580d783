#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "http/http_server.h"
#include "master/quorum.h"

namespace headpond::master {

inline constexpr const char* kQuorumPage = "/api/v1/master/quorum";

// What one of several masters says of itself, for those who watch over them:
//
//   {"role": "STANDBY", "term": 7, "leader": "m-2:19200", "sequence": 4711,
//    "members": [{"address": "m-1:19200", "votes": true, "available": true}, ...]}
//
// role: LEADER (serves), STANDBY (follows the leader it names), PROMOTING (elected, not serving
// yet), ISOLATED (led, and no majority has answered lately) or ELECTING (knows no leader).
// sequence: of the last journal entry that it has applied; the same number is the same change on
// all masters. members: as far as it knows; only the one that leads knows who is available, which
// is a voter that it has heard from lately. liveWorkers: only of one that serves. The answer's
// status is 200 for the first two roles and 503 for the others, so that it does as a health check.
struct QuorumView {
  QuorumStanding standing;
  bool serves = false;
  uint64_t sequence = 0;
  std::vector<Quorum::Member> members;
  std::optional<size_t> live_workers;
};

// nullopt: the journal is being opened.
http::Response QuorumAnswer(const std::optional<QuorumView>& view);

// GET kQuorumPage answers what `look` returns.
void AddQuorumPage(http::HttpServer& server, std::function<std::optional<QuorumView>()> look);

}  // namespace headpond::master
