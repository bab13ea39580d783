#include "operator/runtime/prober.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

namespace headpond::runtime {
namespace {

constexpr size_t kMaxBody = 4 << 20;  // an info page with all properties is about 100 KB
constexpr long kOk = 200;

struct EasyCloser {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Easy = std::unique_ptr<CURL, EasyCloser>;

// One request: a bare connection to the RPC port or a GET from the web port.
struct Request {
  Easy handle;
  std::string body;
  bool is_rpc = false;
  size_t probe = 0;
  CURLcode code = CURLE_OPERATION_TIMEDOUT;
};

size_t Collect(char* data, size_t size, size_t count, void* user) {
  auto& body = *static_cast<std::string*>(user);
  if (body.size() + size * count > kMaxBody) return 0;  // ends the transfer with an error
  body.append(data, size * count);
  return size * count;
}

// curl's global state is set up on first use and lives as long as the process.
void InitCurlOnce() {
  [[maybe_unused]] static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

std::vector<plan::QuorumMember> ReadMembers(const nlohmann::json& page) {
  std::vector<plan::QuorumMember> members;
  const auto list = page.find("members");
  if (list == page.end() || !list->is_array()) return members;
  for (const nlohmann::json& entry : *list) {
    const auto flag = [&](const char* field) {
      const auto found = entry.find(field);
      return found != entry.end() && found->is_boolean() && found->get<bool>();
    };
    const auto address = entry.find("address");
    if (address == entry.end() || !address->is_string()) return {};
    members.push_back({address->get<std::string>(), flag("votes"), flag("available")});
  }
  return members;
}

// What one of several masters says of itself (daemons/master/quorum_page.h). False when it is no
// such page.
bool ReadQuorumPage(const nlohmann::json& page, ProbeResult& result) {
  const auto role = page.find("role");
  if (role == page.end() || !role->is_string()) return false;
  result.members = ReadMembers(page);
  const bool leads = *role == "LEADER";
  if (!leads && *role != "STANDBY") {
    result.serving = false;
    result.message = fmt::format("says that it is {}", role->get_ref<const std::string&>());
    return true;
  }
  const auto number = [&](const char* field) {
    const auto found = page.find(field);
    return found != page.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
  };
  const auto leader = page.find("leader");
  result.quorum = plan::QuorumView{
      .leads = leads, .term = number("term"), .leader = {}, .sequence = number("sequence")};
  if (leader != page.end() && leader->is_string()) result.quorum->leader = *leader;
  if (page.contains("liveWorkers"))
    result.live_workers = static_cast<int>(std::min<uint64_t>(number("liveWorkers"), INT_MAX));
  return true;
}

// The web port's answer.
void ReadAnswer(const plan::Probe& probe, const std::string& body, long status,
                ProbeResult& result) {
  const auto page = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (page.is_object() && ReadQuorumPage(page, result)) return;
  if (status != kOk) {
    result.serving = false;
    result.message =
        fmt::format("port {} answers {} with status {}", probe.web_port, probe.path, status);
    return;
  }
  if (!page.is_object()) return;
  const auto workers = page.find("workers");
  if (workers != page.end() && workers->is_array())
    result.live_workers = static_cast<int>(workers->size());
}

}  // namespace

struct Prober::Impl {
  CURLM* multi = curl_multi_init();
  ~Impl() { curl_multi_cleanup(multi); }

  std::unique_ptr<Request> Make(const plan::Probe& probe, size_t index, bool is_rpc,
                                std::chrono::milliseconds timeout) {
    auto request = std::make_unique<Request>();
    request->handle.reset(curl_easy_init());
    request->is_rpc = is_rpc;
    request->probe = index;
    CURL* const handle = request->handle.get();
    const std::string url =
        is_rpc ? fmt::format("http://{}:{}", probe.host, probe.rpc_port)
               : fmt::format("http://{}:{}{}", probe.host, probe.web_port, probe.path);
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
    // An idle connection would take one of the daemon's few web threads and hold up its shutdown.
    curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
    if (is_rpc) {
      curl_easy_setopt(handle, CURLOPT_CONNECT_ONLY, 1L);
    } else {
      curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Collect);
      curl_easy_setopt(handle, CURLOPT_WRITEDATA, &request->body);
    }
    return request;
  }

  void Perform(std::map<CURL*, std::unique_ptr<Request>>& requests,
               std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (auto& [handle, request] : requests) curl_multi_add_handle(multi, handle);
    int running = 1;
    while (running > 0 && curl_multi_perform(multi, &running) == CURLM_OK && running > 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) break;
      curl_multi_poll(multi, nullptr, 0, static_cast<int>(left.count()), nullptr);
    }
    int left_in_queue = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left_in_queue))
      if (message->msg == CURLMSG_DONE)
        requests.at(message->easy_handle)->code = message->data.result;
    for (auto& [handle, request] : requests) curl_multi_remove_handle(multi, handle);
  }
};

Prober::Prober() {
  InitCurlOnce();
  impl_ = std::make_unique<Impl>();
}
Prober::~Prober() = default;

std::vector<ProbeResult> Prober::ProbeAll(const std::vector<plan::Probe>& probes,
                                          std::chrono::milliseconds timeout) {
  std::map<CURL*, std::unique_ptr<Request>> requests;
  for (size_t i = 0; i < probes.size(); ++i)
    for (const bool is_rpc : {true, false}) {
      auto request = impl_->Make(probes[i], i, is_rpc, timeout);
      CURL* const handle = request->handle.get();
      requests.emplace(handle, std::move(request));
    }
  if (!requests.empty()) impl_->Perform(requests, timeout);

  std::vector<ProbeResult> results(probes.size(), {.serving = true});
  for (const auto& [handle, request] : requests) {
    ProbeResult& result = results[request->probe];
    const plan::Probe& probe = probes[request->probe];
    if (request->code != CURLE_OK) {
      result.serving = false;
      result.message = fmt::format("port {}: {}", request->is_rpc ? probe.rpc_port : probe.web_port,
                                   curl_easy_strerror(request->code));
    } else if (!request->is_rpc) {
      result.answered = true;
      long status = kOk;
      curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
      ReadAnswer(probe, request->body, status, result);
    }
  }
  for (size_t i = 0; i < probes.size(); ++i) {
    results[i].rpc_address = fmt::format("{}:{}", probes[i].host, probes[i].rpc_port);
    if (!results[i].serving) results[i].quorum.reset();
  }
  return results;
}

void Take(ProbeResult result, plan::ObservedWorkload& workload) {
  workload.serving = result.serving;
  workload.live_workers = result.live_workers;
  workload.quorum = std::move(result.quorum);
  workload.members = std::move(result.members);
  workload.rpc_address = std::move(result.rpc_address);
  if (!result.serving && workload.message.empty()) workload.message = std::move(result.message);
}

}  // namespace headpond::runtime
