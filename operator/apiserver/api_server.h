#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "http/http_server.h"
#include "operator/apiserver/api_error.h"
#include "operator/apiserver/faults.h"
#include "operator/apiserver/managed_fields.h"
#include "operator/apiserver/representation.h"
#include "operator/apiserver/request_path.h"
#include "operator/apiserver/resources.h"
#include "operator/apiserver/selectors.h"
#include "operator/apiserver/store/object_store.h"

namespace headpond::apiserver {

struct PageStart;

// The Kubernetes API over one store: a request in, a response out. Who may ask is the listener's
// business. Thread safe.
//
// Behaviour is what stock kubectl and client-go need of kube-apiserver 1.34. Not answered:
// strategic merge patches and protobuf bodies of custom resources (415, as there), protobuf
// answers (406 for clients that take nothing else).
class ApiServer {
 public:
  struct Options {
    // Each watch keeps one of the listener's threads; more are told to come back (429).
    int max_watches = 48;
    std::chrono::milliseconds bookmark_interval{60'000};
    Faults* faults = nullptr;  // for tests; must outlive the server and its watches
    // Kinds that are served besides ours, opaque ones. For tests of their clients: no discovery
    // tells of them.
    std::vector<ResourceType> opaque_kinds = {};
  };
  // `store` and `clock` must outlive the server and the watches that it has handed out.
  ApiServer(ObjectStore& store, const Clock& clock, Random random, Options options);

  // Makes the namespace `default`. Call once before Handle.
  Status Start();

  http::Response Handle(const http::Request& request);

  // Deletes events of which nothing was heard for an hour, as kube-apiserver does (--event-ttl).
  // For somebody to call now and then.
  void ExpireEvents();

  // Watches that clients hold open.
  int watch_count() const { return *watches_; }

 private:
  enum class FieldValidation { kIgnore, kWarn, kStrict };
  // A request for objects, with its common options read.
  struct Call {
    const ResourceType& type;
    const RequestPath& path;
    const http::Request& request;
    bool dry_run = false;
    FieldValidation validation = FieldValidation::kWarn;
    std::vector<std::string> warnings;
    std::vector<std::string> duplicates;  // fields that the body names twice

    ObjectKey Key() const;
    ObjectKey KeyOf(const std::string& name) const;
  };
  enum class Propagation { kBackground, kForeground, kOrphan };
  struct DeleteOptions {
    Propagation propagation = Propagation::kBackground;
    std::string uid, resource_version;  // preconditions
    bool dry_run = false;
  };
  struct Deletion {
    StoredObject object;  // the last state
    bool gone = false;    // false: finalizers hold it
  };
  struct Wanted;  // what a client makes of an object, see wanted.h
  // Turns the current object, as the client sees it, into the one it wants.
  using Change = std::function<Outcome<Wanted>(const nlohmann::json& current)>;

  // Null when there is none.
  const ResourceType* FindType(std::string_view group, std::string_view version,
                               std::string_view resource) const;

  // Of objects that are there.
  const ResourceType& TypeOf(const ObjectKey& key) const;

  // api_server.cc
  http::Response Respond(const http::Request& request);
  Outcome<http::Response> HandleResource(const http::Request& request, const RequestPath& path);
  Outcome<http::Response> Dispatch(Call& call);
  Outcome<http::Response> DispatchSubresource(Call& call);
  Outcome<Representation> RepresentationOf(const Call& call) const;
  http::Response Answer(const Call& call, int status, const nlohmann::json& stored) const;
  Outcome<http::Response> Get(Call& call);
  Outcome<http::Response> List(Call& call);
  Outcome<int64_t> CheckListVersion(const http::Request& request);
  Outcome<ObjectStore::List> Listed(const Call& call, const std::optional<PageStart>& resume);

  // writes.cc
  Outcome<http::Response> Create(Call& call);
  // Returns what is stored now. `managers_of` says who owns what of the complete object.
  Outcome<nlohmann::json> CreateObject(
      Call& call, nlohmann::json object,
      const std::function<ManagedEntries(const nlohmann::json&)>& managers_of);
  // The stored form of what a client wants to create, with its name and namespace.
  Outcome<nlohmann::json> CheckNewObject(const Call& call, nlohmann::json object);
  Outcome<http::Response> Replace(Call& call);
  Outcome<http::Response> Patch(Call& call);
  Outcome<http::Response> Scale(Call& call);
  Outcome<nlohmann::json> DecodeObject(const Call& call) const;
  Outcome<nlohmann::json> ApplyPatch(const Call& call, const nlohmann::json& current,
                                     const nlohmann::json& patch) const;
  // Removes what nobody knows from an object, and tells: as warnings, or as an error when the
  // client asked for that.
  Outcome<nlohmann::json> KeepKnown(Call& call, nlohmann::json object) const;
  // Checks, prunes and completes an object that is about to be stored; `before` is null for a new
  // one. Takes and returns the stored form.
  Outcome<nlohmann::json> Admit(Call& call, nlohmann::json object, const nlohmann::json* before);
  // The same of a status that is not null.
  Outcome<nlohmann::json> AdmitStatus(Call& call, nlohmann::json status);
  Outcome<StoredObject> Modify(Call& call, const Change& change);
  Outcome<StoredObject> ModifyOnce(Call& call, const Change& change, bool& retry);
  // Whom managedFields names for the call.
  static Manager WriterOf(const Call& call);
  std::string NewUid() EXCLUDES(random_mutex_);
  std::string NameFrom(const std::string& prefix) EXCLUDES(random_mutex_);
  std::optional<ApiError> CheckNamespace(const Call& call, const std::string& object) const;

  // apply.cc
  Outcome<http::Response> ServerSideApply(Call& call);
  // The fields that the client wants, in the stored form.
  Outcome<nlohmann::json> DecodeConfiguration(const Call& call) const;

  // deletion.cc
  Outcome<http::Response> Delete(Call& call);
  Outcome<http::Response> DeleteCollection(Call& call);
  Outcome<DeleteOptions> ReadDeleteOptions(const Call& call) const;
  Outcome<Deletion> DeleteObject(const ObjectKey& key, const DeleteOptions& options);
  // What follows from the end of an object: dependents go, owners and namespaces that waited for it
  // go too.
  void AfterRemoval(const ObjectKey& key, ObjectPtr removed);
  void CollectDependents(const std::string& uid);
  // Deletes an object whose owners are all gone, or never were.
  void CollectIfOwnerless(const ObjectKey& key, const nlohmann::json& object);
  void FinishOwner(const std::string& uid);
  void FinishNamespace(const std::string& name);
  Outcome<Deletion> DeleteNamespace(const StoredObject& stored, const DeleteOptions& options);
  void Orphan(const std::string& uid);
  std::optional<std::pair<ObjectKey, StoredObject>> FindByUid(const std::string& uid) const;
  std::vector<ObjectKey> DependentsOf(const std::string& uid) const;
  // Stores `change(object)` unless the object is gone; other writers are waited for.
  void Rewrite(const ObjectKey& key, const std::function<nlohmann::json(nlohmann::json)>& change);

  // watch.cc
  Outcome<http::Response> Watch(Call& call);

  ObjectStore& store_;
  const Clock& clock_;
  const Options options_;
  const std::shared_ptr<std::atomic<int>> watches_;
  Mutex random_mutex_;
  Random random_ GUARDED_BY(random_mutex_);
};

// What a failed write of the store means to the client.
ApiError FromStoreStatus(const ResourceType& type, const std::string& name, const Status& status);

}  // namespace headpond::apiserver
