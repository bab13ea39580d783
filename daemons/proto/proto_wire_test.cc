#include <fmt/format.h>
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "proto/block_master.pb.h"
#include "proto/block_worker.pb.h"
#include "proto/file_system_master.pb.h"
#include "proto/job_master.pb.h"
#include "proto/journal_master.pb.h"
#include "proto/messaging_transport.pb.h"
#include "proto/meta_master.pb.h"
#include "proto/metric_master.pb.h"
#include "proto/raft_journal.pb.h"
#include "proto/sasl_server.pb.h"
#include "proto/version.pb.h"

namespace headpond {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

std::string TypeName(const FieldDescriptor& field) {
  if (field.message_type() != nullptr) return field.message_type()->full_name();
  if (field.enum_type() != nullptr) return field.enum_type()->full_name();
  return field.type_name();
}

std::string Render(const FieldDescriptor& field) {
  std::string line = fmt::format("{}={} ", field.name(), field.number());
  if (field.is_map()) {
    const Descriptor& entry = *field.message_type();
    return line +
           fmt::format("map<{},{}>", TypeName(*entry.map_key()), TypeName(*entry.map_value()));
  }
  if (const auto* group = field.real_containing_oneof()) {
    line += "oneof " + group->name();
  } else {
    line += field.is_required() ? "required" : field.is_repeated() ? "repeated" : "optional";
  }
  line += " " + TypeName(field);
  if (field.has_default_value()) {
    line += " default=";
    if (field.enum_type() != nullptr) {
      line += field.default_value_enum()->name();
    } else if (field.type() == FieldDescriptor::TYPE_BOOL) {
      line += field.default_value_bool() ? "true" : "false";
    } else {
      line += std::to_string(field.default_value_int64());
    }
  }
  if (field.options().deprecated()) line += " deprecated";
  return line;
}

std::string Render(const Descriptor& message) {
  if (message.field_count() == 0) return "message " + message.full_name();
  std::vector<std::string> fields;
  for (int i = 0; i < message.field_count(); ++i) fields.push_back(Render(*message.field(i)));
  return fmt::format("message {}: {}", message.full_name(), fmt::join(fields, "; "));
}

std::string Render(const EnumDescriptor& type) {
  std::vector<std::string> values;
  for (int i = 0; i < type.value_count(); ++i) {
    values.push_back(fmt::format("{}={}", type.value(i)->name(), type.value(i)->number()));
  }
  std::string line = fmt::format("enum {}: {}", type.full_name(), fmt::join(values, ", "));
  for (int i = 0; i < type.reserved_range_count(); ++i) {
    line += fmt::format(" (reserved {}, {})", type.reserved_range(i)->start, type.reserved_name(i));
  }
  return line;
}

std::string Render(const MethodDescriptor& method) {
  const char* kind = method.client_streaming() ? (method.server_streaming() ? "BIDI" : "CS")
                                               : (method.server_streaming() ? "SS" : "U");
  return fmt::format("{} {} {} -> {}{}", method.name(), kind, method.input_type()->full_name(),
                     method.output_type()->full_name(),
                     method.options().deprecated() ? " deprecated" : "");
}

std::string Render(const ServiceDescriptor& service) {
  std::vector<std::string> methods;
  for (int i = 0; i < service.method_count(); ++i) methods.push_back(Render(*service.method(i)));
  return fmt::format("service {}: {}", service.full_name(), fmt::join(methods, "; "));
}

void CollectMessage(const Descriptor& message, std::set<std::string>& lines) {
  if (message.options().map_entry()) return;
  lines.insert(Render(message));
  for (int i = 0; i < message.nested_type_count(); ++i)
    CollectMessage(*message.nested_type(i), lines);
  for (int i = 0; i < message.enum_type_count(); ++i) lines.insert(Render(*message.enum_type(i)));
}

void CollectFile(const FileDescriptor& file, std::set<std::string>& lines) {
  for (int i = 0; i < file.dependency_count(); ++i) CollectFile(*file.dependency(i), lines);
  for (int i = 0; i < file.service_count(); ++i) lines.insert(Render(*file.service(i)));
  for (int i = 0; i < file.enum_type_count(); ++i) lines.insert(Render(*file.enum_type(i)));
  for (int i = 0; i < file.message_type_count(); ++i) CollectMessage(*file.message_type(i), lines);
}

// The file of each service; what they share comes with them.
std::set<std::string> CompiledWire() {
  std::set<std::string> lines;
  for (const Descriptor* message :
       {alluxio::grpc::block::BlockMasterInfo::descriptor(),
        alluxio::grpc::block::Chunk::descriptor(), alluxio::grpc::file::FileInfo::descriptor(),
        alluxio::grpc::job::JobInfo::descriptor(),
        alluxio::grpc::journal::QuorumServerInfo::descriptor(),
        alluxio::grpc::messaging::TransportMessage::descriptor(),
        alluxio::grpc::meta::MasterInfo::descriptor(),
        alluxio::grpc::metric::ClientMetrics::descriptor(),
        alluxio::grpc::meta::SnapshotData::descriptor(),
        alluxio::grpc::sasl::SaslMessage::descriptor(),
        alluxio::grpc::version::GetServiceVersionPRequest::descriptor()}) {
    CollectFile(*message->file(), lines);
  }
  return lines;
}

std::set<std::string> ExpectedWire() {
  std::ifstream file(HEADPOND_WIRE_TABLE);
  std::set<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() != '#') lines.insert(line);
  }
  return lines;
}

std::vector<std::string> Difference(const std::set<std::string>& a,
                                    const std::set<std::string>& b) {
  std::vector<std::string> only_a;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(only_a));
  return only_a;
}

TEST(WireTest, EveryServiceMessageAndEnumEqualsTheTable) {
  const std::set<std::string> expected = ExpectedWire();
  const std::set<std::string> compiled = CompiledWire();
  ASSERT_GT(expected.size(), 400u) << "cannot read " << HEADPOND_WIRE_TABLE;
  EXPECT_THAT(Difference(expected, compiled), testing::IsEmpty()) << "declared by peers, not by us";
  EXPECT_THAT(Difference(compiled, expected), testing::IsEmpty()) << "declared by us, not by peers";
}

}  // namespace
}  // namespace headpond
