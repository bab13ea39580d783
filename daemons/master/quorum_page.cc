#include "master/quorum_page.h"

#include <nlohmann/json.hpp>

namespace headpond::master {
namespace {

using nlohmann::ordered_json;

constexpr int kOk = 200;
constexpr int kUnavailable = 503;

const char* RoleOf(const QuorumView& view) {
  switch (view.standing.role) {
    case QuorumStanding::Role::kLeader:
      if (!view.serves) return "PROMOTING";
      return view.standing.confirmed ? "LEADER" : "ISOLATED";
    case QuorumStanding::Role::kFollower:
      return view.standing.leader.empty() || view.serves ? "ELECTING" : "STANDBY";
    case QuorumStanding::Role::kCandidate: break;
  }
  return "ELECTING";
}

ordered_json MembersOf(const QuorumView& view) {
  ordered_json members = ordered_json::array();
  for (const Quorum::Member& member : view.members)
    members.push_back({{"address", member.address.ToString()},
                       {"votes", member.votes},
                       {"available", member.available}});
  return members;
}

}  // namespace

http::Response QuorumAnswer(const std::optional<QuorumView>& view) {
  http::Response response{.status = kUnavailable};
  ordered_json page{{"role", "STARTING"}};
  if (view) {
    const std::string role = RoleOf(*view);
    if (role == "LEADER" || role == "STANDBY") response.status = kOk;
    page = {{"role", role},
            {"term", view->standing.term},
            {"leader", view->standing.leader},
            {"sequence", view->sequence},
            {"members", MembersOf(*view)}};
    if (view->live_workers) page["liveWorkers"] = *view->live_workers;
  }
  response.body = page.dump();
  return response;
}

void AddQuorumPage(http::HttpServer& server, std::function<std::optional<QuorumView>()> look) {
  server.Handle("GET", kQuorumPage,
                [look = std::move(look)](const http::Request&) -> Result<http::Response> {
                  return QuorumAnswer(look());
                });
}

}  // namespace headpond::master
