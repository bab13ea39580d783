#include "operator/kube/object_cache.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace headpond::kube {
namespace {

using nlohmann::json;

std::string MetadataText(const json& object, const char* field) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return "";
  const auto found = metadata->find(field);
  return found != metadata->end() && found->is_string() ? found->get<std::string>() : "";
}

Object WithoutManagedFields(Object object) {
  const auto metadata = object->find("metadata");
  if (metadata == object->end() || !metadata->is_object() || !metadata->contains("managedFields"))
    return object;
  json copy = *object;
  copy["metadata"].erase("managedFields");
  return std::make_shared<const json>(std::move(copy));
}

}  // namespace

ObjectName NameOf(const json& object) {
  return {MetadataText(object, "namespace"), MetadataText(object, "name")};
}

int64_t VersionOf(const json& object) {
  const std::string text = MetadataText(object, "resourceVersion");
  int64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  return error == std::errc() && end == text.data() + text.size() ? version : 0;
}

void ObjectCache::AddIndex(const std::string& index, IndexFunction function) {
  MutexLock lock(mutex_);
  indexes_[index].function = std::move(function);
}

void ObjectCache::Link(const ObjectName& name, const json& object) {
  for (auto& [unused, index] : indexes_)
    for (const std::string& value : index.function(object)) index.names[value].insert(name);
}

void ObjectCache::Unlink(const ObjectName& name, const json& object) {
  for (auto& [unused, index] : indexes_) {
    for (const std::string& value : index.function(object)) {
      const auto found = index.names.find(value);
      if (found == index.names.end()) continue;
      found->second.erase(name);
      if (found->second.empty()) index.names.erase(found);
    }
  }
}

std::vector<ObjectName> ObjectCache::Replace(const std::vector<Object>& objects, int64_t version) {
  std::map<ObjectName, Object> next;
  for (const Object& object : objects) next[NameOf(*object)] = WithoutManagedFields(object);
  MutexLock lock(mutex_);
  std::vector<ObjectName> changed;
  for (const auto& [name, object] : objects_) {
    const auto found = next.find(name);
    if (found == next.end() || *found->second != *object) changed.push_back(name);
    Unlink(name, *object);
  }
  for (const auto& [name, object] : next) {
    if (!objects_.contains(name)) changed.push_back(name);
    Link(name, *object);
  }
  objects_ = std::move(next);
  version_ = version;
  synced_ = true;
  std::sort(changed.begin(), changed.end());
  return changed;
}

bool ObjectCache::Put(Object object) {
  object = WithoutManagedFields(std::move(object));
  const ObjectName name = NameOf(*object);
  const int64_t version = VersionOf(*object);
  MutexLock lock(mutex_);
  const auto found = objects_.find(name);
  if (found != objects_.end()) {
    if (version != 0 && version <= VersionOf(*found->second)) return false;
    Unlink(name, *found->second);
  }
  Link(name, *object);
  objects_[name] = std::move(object);
  version_ = std::max(version_, version);
  return true;
}

bool ObjectCache::Remove(const json& object) {
  const ObjectName name = NameOf(object);
  const int64_t version = VersionOf(object);
  MutexLock lock(mutex_);
  version_ = std::max(version_, version);
  const auto found = objects_.find(name);
  if (found == objects_.end()) return false;
  // The deletion of an earlier object of this name, told again.
  if (version != 0 && version < VersionOf(*found->second)) return false;
  Unlink(name, *found->second);
  objects_.erase(found);
  return true;
}

void ObjectCache::Advance(int64_t version) {
  MutexLock lock(mutex_);
  version_ = std::max(version_, version);
}

Object ObjectCache::Get(const ObjectName& name) const {
  MutexLock lock(mutex_);
  const auto found = objects_.find(name);
  return found == objects_.end() ? nullptr : found->second;
}

std::vector<Object> ObjectCache::All() const {
  MutexLock lock(mutex_);
  std::vector<Object> all;
  all.reserve(objects_.size());
  for (const auto& [unused, object] : objects_) all.push_back(object);
  return all;
}

std::vector<Object> ObjectCache::Find(const std::string& index, const std::string& value) const {
  MutexLock lock(mutex_);
  std::vector<Object> matches;
  const auto by = indexes_.find(index);
  if (by == indexes_.end()) return matches;
  const auto names = by->second.names.find(value);
  if (names == by->second.names.end()) return matches;
  for (const ObjectName& name : names->second) matches.push_back(objects_.at(name));
  return matches;
}

bool ObjectCache::synced() const {
  MutexLock lock(mutex_);
  return synced_;
}

int64_t ObjectCache::version() const {
  MutexLock lock(mutex_);
  return version_;
}

void OwnWrites::Wrote(const ObjectName& name, int64_t version) {
  MutexLock lock(mutex_);
  int64_t& last = versions_[name];
  last = std::max(last, version);
}

bool OwnWrites::SeenBy(const ObjectCache& cache, const ObjectName& name) {
  MutexLock lock(mutex_);
  const auto found = versions_.find(name);
  if (found == versions_.end()) return true;
  if (cache.version() < found->second) return false;
  versions_.erase(found);
  return true;
}

}  // namespace headpond::kube
