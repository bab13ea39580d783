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

// A whole master: built from a configuration, started, stopped in reverse. The one place where its
// parts are wired.
class MasterServer final : public Daemon {
 public:
  // Opens the journal (formatting it if its folder is blank), replays it and makes everything
  // ready. Errors name the property that is wrong and the remedy.
  static Result<std::unique_ptr<MasterServer>> Create(const Config& config,
                                                      MasterOutside outside = {});
  ~MasterServer() override;  // Stop()

  // Serves. Once it returned OK, clients can connect.
  Status Start() override;
  // Refuses new calls, ends running ones, makes everything durable; within five seconds.
  // Idempotent.
  void Stop() override;
  Status failure() const override;  // of the journal

  int rpc_port() const;
  int web_port() const;

 private:
  struct Parts;
  explicit MasterServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// `headpond master [--no-format] [-Dkey=value ...]`. A journal is only ever formatted when its
// folder is blank, so
// --no-format changes nothing and is accepted for the sake of stock's entry point.
int MasterMain(std::span<const std::string> arguments);

}  // namespace headpond::master
