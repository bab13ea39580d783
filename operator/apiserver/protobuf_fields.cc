#include "operator/apiserver/protobuf_fields.h"

namespace headpond::apiserver {
namespace {

using enum ProtoType;

constexpr ProtoField kOwnerReference[] = {
    {1, "kind", kString},
    {3, "name", kString},
    {4, "uid", kString},
    {5, "apiVersion", kString},
    {6, "controller", kMaybeBoolean},
    {7, "blockOwnerDeletion", kMaybeBoolean},
};

constexpr ProtoField kMetadata[] = {
    {1, "name", kString},
    {2, "generateName", kString},
    {3, "namespace", kString},
    {4, "selfLink", kAny},
    {5, "uid", kString},
    {6, "resourceVersion", kString},
    {7, "generation", kInteger},
    {8, "creationTimestamp", kTime},
    {9, "deletionTimestamp", kTime},
    {10, "deletionGracePeriodSeconds", kMaybeInteger},
    {11, "labels", kStringMap},
    {12, "annotations", kStringMap},
    {13, "ownerReferences", kMessage, kOwnerReference, true},
    {14, "finalizers", kString, {}, true},
    {17, "managedFields", kAny},
};

constexpr ProtoField kNamespaceSpec[] = {{1, "finalizers", kString, {}, true}};
constexpr ProtoField kNamespace[] = {{1, "metadata", kMessage, kMetadata},
                                     {2, "spec", kMessage, kNamespaceSpec},
                                     {3, "status", kAny}};

constexpr ProtoField kSecret[] = {{1, "metadata", kMessage, kMetadata},
                                  {2, "data", kBytesMap},
                                  {3, "type", kString},
                                  {4, "stringData", kStringMap},
                                  {5, "immutable", kMaybeBoolean}};

constexpr ProtoField kConfigMap[] = {{1, "metadata", kMessage, kMetadata},
                                     {2, "data", kStringMap},
                                     {3, "binaryData", kBytesMap},
                                     {4, "immutable", kMaybeBoolean}};

constexpr ProtoField kLeaseSpec[] = {
    {1, "holderIdentity", kMaybeString},    {2, "leaseDurationSeconds", kMaybeInteger},
    {3, "acquireTime", kMicroTime},         {4, "renewTime", kMicroTime},
    {5, "leaseTransitions", kMaybeInteger}, {6, "strategy", kMaybeString},
    {7, "preferredHolder", kMaybeString},
};
constexpr ProtoField kLease[] = {{1, "metadata", kMessage, kMetadata},
                                 {2, "spec", kMessage, kLeaseSpec}};

constexpr ProtoField kReference[] = {
    {1, "kind", kString},      {2, "namespace", kString},  {3, "name", kString},
    {4, "uid", kString},       {5, "apiVersion", kString}, {6, "resourceVersion", kString},
    {7, "fieldPath", kString},
};
constexpr ProtoField kSource[] = {{1, "component", kString}, {2, "host", kString}};
constexpr ProtoField kSeries[] = {{1, "count", kInteger}, {2, "lastObservedTime", kMicroTime}};
constexpr ProtoField kCoreEvent[] = {
    {1, "metadata", kMessage, kMetadata},
    {2, "involvedObject", kMessage, kReference},
    {3, "reason", kString},
    {4, "message", kString},
    {5, "source", kMessage, kSource},
    {6, "firstTimestamp", kTime},
    {7, "lastTimestamp", kTime},
    {8, "count", kInteger},
    {9, "type", kString},
    {10, "eventTime", kMicroTime},
    {11, "series", kMessage, kSeries},
    {12, "action", kString},
    {13, "related", kMessage, kReference},
    {14, "reportingComponent", kString},
    {15, "reportingInstance", kString},
};
constexpr ProtoField kEvent[] = {
    {1, "metadata", kMessage, kMetadata},
    {2, "eventTime", kMicroTime},
    {3, "series", kMessage, kSeries},
    {4, "reportingController", kString},
    {5, "reportingInstance", kString},
    {6, "action", kString},
    {7, "reason", kString},
    {8, "regarding", kMessage, kReference},
    {9, "related", kMessage, kReference},
    {10, "note", kString},
    {11, "type", kString},
    {12, "deprecatedSource", kMessage, kSource},
    {13, "deprecatedFirstTimestamp", kTime},
    {14, "deprecatedLastTimestamp", kTime},
    {15, "deprecatedCount", kInteger},
};

constexpr ProtoField kPreconditions[] = {{1, "uid", kMaybeString},
                                         {2, "resourceVersion", kMaybeString}};
constexpr ProtoField kDeleteOptions[] = {
    {1, "gracePeriodSeconds", kMaybeInteger}, {2, "preconditions", kMessage, kPreconditions},
    {3, "orphanDependents", kMaybeBoolean},   {4, "propagationPolicy", kMaybeString},
    {5, "dryRun", kString, {}, true},
};

constexpr ProtoField kResourceAttributes[] = {
    {1, "namespace", kString}, {2, "verb", kString},     {3, "group", kString},
    {4, "version", kString},   {5, "resource", kString}, {6, "subresource", kString},
    {7, "name", kString},
};
constexpr ProtoField kNonResourceAttributes[] = {{1, "path", kString}, {2, "verb", kString}};
constexpr ProtoField kAccessReviewSpec[] = {
    {1, "resourceAttributes", kMessage, kResourceAttributes},
    {2, "nonResourceAttributes", kMessage, kNonResourceAttributes}};
constexpr ProtoField kAccessReview[] = {{1, "metadata", kMessage, kMetadata},
                                        {2, "spec", kMessage, kAccessReviewSpec}};
constexpr ProtoField kRulesReviewSpec[] = {{1, "namespace", kString}};
constexpr ProtoField kRulesReview[] = {{1, "metadata", kMessage, kMetadata},
                                       {2, "spec", kMessage, kRulesReviewSpec}};
constexpr ProtoField kSubjectReview[] = {{1, "metadata", kMessage, kMetadata}};

}  // namespace

std::span<const ProtoField> MetadataFields() {
  return kMetadata;
}

std::span<const ProtoField> ProtobufFieldsOf(std::string_view api_version, std::string_view kind) {
  if (kind == "Namespace") return kNamespace;
  if (kind == "Secret") return kSecret;
  if (kind == "ConfigMap") return kConfigMap;
  if (kind == "Lease") return kLease;
  if (kind == "Event" && api_version == "v1") return kCoreEvent;
  if (kind == "Event") return kEvent;
  if (kind == "DeleteOptions") return kDeleteOptions;
  if (kind == "SelfSubjectAccessReview") return kAccessReview;
  if (kind == "SelfSubjectRulesReview") return kRulesReview;
  if (kind == "SelfSubjectReview") return kSubjectReview;
  return {};
}

}  // namespace headpond::apiserver
