#include "net/request_guard.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "net/grpc_status.h"

namespace headpond::net {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using ::grpc::experimental::InterceptionHookPoints;
using ::grpc::experimental::InterceptorBatchMethods;
using ::grpc::experimental::ServerRpcInfo;

// "path, options.mode.ownerBits": what `type` and the messages in it require.
void AddRequired(const Descriptor& type, const std::string& prefix,
                 std::set<const Descriptor*>& above, std::string& names) {
  if (!above.insert(&type).second) return;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    const std::string name = prefix + field->name();
    if (field->is_required()) names.append(names.empty() ? "" : ", ").append(name);
    if (field->message_type() != nullptr)
      AddRequired(*field->message_type(), name + ".", above, names);
  }
  above.erase(&type);
}

}  // namespace

Status MalformedRequest(std::string_view method) {
  std::string name(method.substr(std::min<size_t>(1, method.size())));
  std::replace(name.begin(), name.end(), '/', '.');
  const MethodDescriptor* found = DescriptorPool::generated_pool()->FindMethodByName(name);
  if (found == nullptr) return InvalidArgument("{}: the request is malformed", method);
  std::set<const Descriptor*> above;
  std::string required;
  AddRequired(*found->input_type(), "", above, required);
  if (required.empty())
    return InvalidArgument("{}: malformed {}", method, found->input_type()->full_name());
  return InvalidArgument("{}: malformed {}, or a field that it must have is missing ({})", method,
                         found->input_type()->full_name(), required);
}

namespace {

class RequestGuard final : public ::grpc::experimental::Interceptor {
 public:
  explicit RequestGuard(const char* method) : method_(method) {}

  void Intercept(InterceptorBatchMethods* batch) override {
    if (batch->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE))
      malformed_ = batch->GetRecvMessage() == nullptr;
    if (batch->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) Explain(*batch);
    batch->Proceed();
  }

 private:
  void Explain(InterceptorBatchMethods& batch) const {
    const ::grpc::Status status = batch.GetSendStatus();
    if (status.error_code() != ::grpc::StatusCode::UNIMPLEMENTED || !status.error_message().empty())
      return;
    batch.ModifySendStatus(
        ToGrpc(malformed_ ? MalformedRequest(method_)
                          : Unimplemented("{} is not served by this version", method_)));
  }

  const char* const method_;  // gRPC's, which outlives the call
  bool malformed_ = false;
};

class Factory final : public ::grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  ::grpc::experimental::Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    const auto type = info->type();
    const bool one_request =
        type == ServerRpcInfo::Type::UNARY || type == ServerRpcInfo::Type::SERVER_STREAMING;
    return one_request ? new RequestGuard(info->method()) : nullptr;
  }
};

}  // namespace

std::unique_ptr<::grpc::experimental::ServerInterceptorFactoryInterface> MakeRequestGuard() {
  return std::make_unique<Factory>();
}

}  // namespace headpond::net
