#include "operator/daemon/monitor.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace headpond::operator_daemon {
namespace {

constexpr double kMicrosInSecond = 1e6;
constexpr const char* kPlain = "text/plain; charset=utf-8";
constexpr const char* kPrometheus = "text/plain; version=0.0.4; charset=utf-8";
constexpr int kThreads = 2;

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / kMicrosInSecond;
}

std::string ProcessMetrics() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return fmt::format(
      "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total {}\n"
      "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes {}\n",
      Seconds(usage.ru_utime) + Seconds(usage.ru_stime), resident * ::sysconf(_SC_PAGESIZE));
}

http::Response Plain(bool good, const char* bad) {
  return {.status = good ? 200 : 503, .content_type = kPlain, .body = good ? "ok" : bad};
}

}  // namespace

Status Monitor::Serve(const std::string& host, int port) {
  server_ = std::make_unique<http::HttpServer>(http::HttpServer::Options{
      .bind_host = host, .port = port, .threads = kThreads, .port_key = "--monitor-port"});
  server_->Handle("GET", "/healthz", [this](const http::Request&) -> Result<http::Response> {
    return Plain(Healthy(), "a pass over the clusters does not end");
  });
  server_->Handle("GET", "/readyz", [this](const http::Request&) -> Result<http::Response> {
    return Plain(ready(), "the clusters are not known yet");
  });
  server_->Handle("GET", "/metrics", [this](const http::Request&) -> Result<http::Response> {
    return http::Response{.content_type = kPrometheus, .body = MetricsText()};
  });
  ASSIGN_OR_RETURN(port_, server_->Start());
  return Status::Ok();
}

void Monitor::Stop() {
  if (server_) server_->Stop();
}

void Monitor::Answered(const std::string& method, int code) {
  MutexLock lock(mutex_);
  ++answers_[{method, code}];
}

bool Monitor::Healthy() const {
  const int64_t began = pass_began_ms_;
  return began == 0 || clock_.NowMs() - began < std::chrono::milliseconds(kStuck).count();
}

std::string Monitor::MetricsText() const {
  std::string text = controller::ReconcileStats::PrometheusText({{"cachecluster", clusters_},
                                                                 {"containertask", tasks_},
                                                                 {"backup", backups_},
                                                                 {"restore", restores_}});
  text += fmt::format(
      "# TYPE leader_election_master_status gauge\n"
      "leader_election_master_status{{name=\"headpond-operator\"}} {}\n"
      "# TYPE rest_client_requests_total counter\n",
      leads_ ? 1 : 0);
  {
    MutexLock lock(mutex_);
    for (const auto& [call, count] : answers_)
      text += fmt::format("rest_client_requests_total{{code=\"{}\",method=\"{}\"}} {}\n",
                          call.second == 0 ? "<error>" : std::to_string(call.second), call.first,
                          count);
  }
  return text + ProcessMetrics();
}

kube::Client::Options TellingOptions(Monitor& monitor) {
  return {.answered = [&monitor](const std::string& method, int code) {
    monitor.Answered(method, code);
  }};
}

}  // namespace headpond::operator_daemon
