#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "consensus/consensus.h"
#include "consensus/types.h"

// Who takes part in a quorum: decisions of masters that begin, join, or have been away. All pure.
//
// A master's node has an id that is made once, with its folder, and stays with it: an address is a
// place, an id is a disk that remembers what it promised. So a wiped disk comes back under another
// id, and joins; the votes that are gone with it are never given twice.
//
// A new cluster is founded by the master whose address is the first of the list, once all of them
// have answered that they have none yet, and it alone makes up the cluster's id. The others learn
// of it by asking. So two of them can't found two clusters, and a master whose disk was lost can't
// found one in the place of the old while any of the others remembers that.
//
// A cluster that begins with the state of a backup has one founder, the first of the list, and all
// others join it: so they get that state as any latecomer does.
namespace headpond::journal {

// What a master says of itself to those who ask.
struct MasterDescription {
  uint64_t id = 0;
  std::string address;               // "host:port"
  std::vector<std::string> masters;  // the list that it was given, in rising order
  bool restores = false;             // a new cluster is to begin with a backup
  std::string cluster_id;            // empty: it has none yet, and nothing below either
  consensus::Addresses founders;     // of the cluster, by id
  // Now, as far as it knows.
  std::vector<consensus::MemberStatus> members;
  uint64_t leader = 0;  // its id; 0: none is known

  std::string LeaderAddress() const;  // empty: not known
};

// Those that answered, by the address that was asked.
using MasterDescriptions = std::map<std::string, MasterDescription>;

// How a master without a cluster goes on.
struct Beginning {
  enum class Kind {
    kWait,   // and ask again: `why`
    kFound,  // found one: make an id for the cluster
    kEnter,  // it is one of the founders of `cluster_id`
    kJoin,   // ask to be let into `cluster_id`
  };
  Kind kind = Kind::kWait;
  std::string why;
  std::string cluster_id;
  consensus::Addresses founders;  // of kFound and kEnter

  friend bool operator==(const Beginning&, const Beginning&) = default;
};
Beginning DecideBeginning(const MasterDescription& own, const MasterDescriptions& answers);

// Where a master of a cluster stands in it.
struct Standing {
  enum class Kind {
    kUnknown,  // nobody who leads has answered: `why`
    kMember,   // a voter
    kJoining,  // not yet: ask the leader, at `leader_address`
    kRemoved,  // it was one
  };
  Kind kind = Kind::kUnknown;
  std::string why;
  std::string leader_address;

  friend bool operator==(const Standing&, const Standing&) = default;
};
// `was_member`: this node has taken part before. Only what the leader itself says counts: others
// may not have heard yet.
Standing DecideStanding(const MasterDescription& own, bool was_member,
                        const MasterDescriptions& answers);

// What a leader does next for a node that asks to be let in. Its askings drive it on: another
// leader goes on where the one before ended.
struct JoinStep {
  enum class Kind {
    kJoined,  // it is a voter
    kChange,  // make this change
    kWait,    // for the node to catch up
  };
  Kind kind = Kind::kWait;
  consensus::ConfChange change;
  std::string address;  // of the node that the change is about
};
// It becomes a learner, and a voter once it has caught up. A node that asks from the address of
// another, silent one takes its place: that one's disk is gone.
JoinStep NextJoinStep(const consensus::NodeStatus& status, uint64_t id, const std::string& address);

}  // namespace headpond::journal
