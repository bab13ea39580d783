#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/config.h"
#include "base/daemon.h"
#include "base/result.h"
#include "io/env.h"
#include "master/ufs_pool.h"

namespace headpond::master {

// What a master has around it; tests put faults there.
struct MasterOutside {
  io::Env* env = &io::Env::Posix();  // the journal's files; must outlive the master
  UfsPool::Opener open_ufs = ufs::OpenUfs;
};

// A whole master: built from a configuration, started, stopped.
class MasterServer : public Daemon {
 public:
  // The only one of its cluster, or one of several (alluxio.master.embedded.journal.addresses, or
  // alluxio.zookeeper.enabled).
  // Opens the journal (formatting it if its folder is blank) and makes everything ready that can be
  // before Start. Errors name the property that is wrong and the remedy.
  static Result<std::unique_ptr<MasterServer>> Create(const Config& config,
                                                      MasterOutside outside = {});

  virtual int rpc_port() const = 0;
  virtual int web_port() const = 0;
};

// `headpond master [--no-format] [-Dkey=value ...]`. A journal is only ever formatted when its
// folder is blank, so
// --no-format changes nothing and is accepted for the sake of stock's entry point.
int MasterMain(std::span<const std::string> arguments);

}  // namespace headpond::master
