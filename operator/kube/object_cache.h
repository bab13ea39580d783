#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace headpond::kube {

// Which object of one kind.
struct ObjectName {
  std::string name_space;  // empty for kinds without
  std::string name;

  std::string ToString() const { return name_space.empty() ? name : name_space + "/" + name; }
  friend auto operator<=>(const ObjectName&, const ObjectName&) = default;
};

using Object = std::shared_ptr<const nlohmann::json>;

ObjectName NameOf(const nlohmann::json& object);
// 0 when there is none, or none that is a number: clients may compare versions of one kind since
// Kubernetes 1.35 (KEP-5504), and every server before kept them so.
int64_t VersionOf(const nlohmann::json& object);

// The objects of one kind as the last list and the watch after it tell them, without managedFields.
// Thread safe; objects are shared and never changed.
class ObjectCache {
 public:
  // What an object can be found by: owner uids, a label... Called under the lock: memory work only.
  using IndexFunction = std::function<std::vector<std::string>(const nlohmann::json&)>;

  // Before the first object.
  void AddIndex(const std::string& index, IndexFunction function) EXCLUDES(mutex_);

  // Takes the whole truth as of `version`; returns the names whose state differs from before, those
  // that are gone included.
  std::vector<ObjectName> Replace(const std::vector<Object>& objects, int64_t version)
      EXCLUDES(mutex_);
  // False when the cache knows this state or a later one already.
  bool Put(Object object) EXCLUDES(mutex_);
  bool Remove(const nlohmann::json& object) EXCLUDES(mutex_);
  // Nothing older is missing: a bookmark.
  void Advance(int64_t version) EXCLUDES(mutex_);

  // Null when there is no such object.
  Object Get(const ObjectName& name) const EXCLUDES(mutex_);
  std::vector<Object> All() const EXCLUDES(mutex_);  // by name
  std::vector<Object> Find(const std::string& index, const std::string& value) const
      EXCLUDES(mutex_);

  // True after the first Replace.
  bool synced() const EXCLUDES(mutex_);
  // Up to where the cache has seen everything.
  int64_t version() const EXCLUDES(mutex_);

 private:
  struct Index {
    IndexFunction function;
    std::map<std::string, std::set<ObjectName>> names;
  };
  void Link(const ObjectName& name, const nlohmann::json& object) REQUIRES(mutex_);
  void Unlink(const ObjectName& name, const nlohmann::json& object) REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<ObjectName, Object> objects_ GUARDED_BY(mutex_);
  std::map<std::string, Index> indexes_ GUARDED_BY(mutex_);
  int64_t version_ GUARDED_BY(mutex_) = 0;
  bool synced_ GUARDED_BY(mutex_) = false;
};

// Keeps a controller from acting on what it has itself made out of date: after a write it waits
// until the cache has seen it. Thread safe.
class OwnWrites {
 public:
  // `version` is what the write answered.
  void Wrote(const ObjectName& name, int64_t version) EXCLUDES(mutex_);
  // Whether `cache` has all that was written of `name`. Forgets writes that it has.
  bool SeenBy(const ObjectCache& cache, const ObjectName& name) EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  std::map<ObjectName, int64_t> versions_ GUARDED_BY(mutex_);
};

}  // namespace headpond::kube
