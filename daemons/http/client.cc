#include "http/client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace headpond::http {
namespace {

constexpr int kFirstOk = 200, kFirstNotOk = 300;

struct EasyCloser {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiCloser {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListCloser {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListCloser>;

// curl's global state is set up on first use and lives as long as the process.
void InitCurlOnce() {
  [[maybe_unused]] static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

// One call while it runs: what curl's callbacks see.
struct Exchange {
  const ClientRequest& request;
  const Client::Options& options;
  CURL* handle;
  ClientResponse response = {};
  size_t header_bytes = 0;
  std::string unsent = {};        // of the source's last piece
  Status failure = Status::Ok();  // why a callback ended the exchange

  size_t Fail(Status status) {
    failure = std::move(status);
    return 0;
  }
};

std::string Trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == text.npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1));
}

size_t OnHeader(char* data, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size * count);
  exchange.header_bytes += line.size();
  if (exchange.header_bytes > exchange.options.max_header_bytes)
    return exchange.Fail(ResourceExhausted("the headers of the answer are larger than {} bytes",
                                           exchange.options.max_header_bytes));
  if (line.starts_with("HTTP/")) exchange.response.headers.clear();  // after a "100 Continue"
  const size_t colon = line.find(':');
  if (line == "\r\n" && exchange.request.accepted) {
    long status = 0;
    curl_easy_getinfo(exchange.handle, CURLINFO_RESPONSE_CODE, &status);
    if (status >= kFirstOk && status < kFirstNotOk) exchange.request.accepted();
  }
  if (colon == line.npos) return line.size();
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string_view value = line.substr(colon + 1);
  exchange.response.headers[name] = Trimmed(value);
  return line.size();
}

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view piece(data, size * count);
  if (exchange.request.sink) {
    long status = 0;
    curl_easy_getinfo(exchange.handle, CURLINFO_RESPONSE_CODE, &status);
    if (status >= kFirstOk && status < kFirstNotOk) {
      if (Status taken = exchange.request.sink(piece); !taken.ok())
        return exchange.Fail(std::move(taken));
      return piece.size();
    }
  }
  if (exchange.response.body.size() + piece.size() > exchange.options.max_body_bytes)
    return exchange.Fail(
        ResourceExhausted("the answer is larger than {} bytes", exchange.options.max_body_bytes));
  exchange.response.body.append(piece);
  return piece.size();
}

size_t OnSend(char* buffer, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (exchange.unsent.empty()) {
    auto piece = exchange.request.source();
    if (!piece.ok()) {
      exchange.failure = piece.status();
      return CURL_READFUNC_ABORT;
    }
    exchange.unsent = *std::move(piece);
  }
  const size_t length = std::min(size * count, exchange.unsent.size());
  std::memcpy(buffer, exchange.unsent.data(), length);
  exchange.unsent.erase(0, length);
  return length;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (!exchange.request.cancelled || !exchange.request.cancelled()) return 0;
  exchange.failure = Cancelled("the call was cancelled");
  return 1;
}

Status FromCurl(CURLcode code, const char* detail, const ClientRequest& request,
                const Client::Options& options) {
  const std::string server =
      options.unix_socket.empty() ? options.base_url : "unix://" + options.unix_socket;
  const std::string text = fmt::format("{} {}{}: {}", request.method, server, request.path,
                                       *detail != '\0' ? detail : curl_easy_strerror(code));
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return Status(Code::kDeadlineExceeded, text);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE: return Status(Code::kInvalidArgument, text);
    default: return Status(Code::kUnavailable, text);
  }
}

}  // namespace

struct Client::Impl {
  Options options;
  std::unique_ptr<CURLM, MultiCloser> multi;  // keeps the connection, and can be woken
  std::unique_ptr<CURL, EasyCloser> handle;

  void SetConnection() {
    CURL* const curl = handle.get();
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, long{options.connect_timeout.count()});
    if (!options.unix_socket.empty()) {
      curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, options.unix_socket.c_str());
      curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    if (!options.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_file.c_str());
    if (!options.certificate_file.empty()) {
      curl_easy_setopt(curl, CURLOPT_SSLCERT, options.certificate_file.c_str());
      curl_easy_setopt(curl, CURLOPT_SSLKEY, options.key_file.c_str());
    }
    SetBlob(CURLOPT_CAINFO_BLOB, options.ca);
    SetBlob(CURLOPT_SSLCERT_BLOB, options.certificate);
    SetBlob(CURLOPT_SSLKEY_BLOB, options.key);
    if (options.insecure) {
      curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
      curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
  }

  void SetBlob(CURLoption option, const std::string& text) {
    if (text.empty()) return;
    curl_blob blob{.data = const_cast<char*>(text.data()),
                   .len = text.size(),
                   .flags = CURL_BLOB_NOCOPY};  // the options outlive every call
    curl_easy_setopt(handle.get(), option, &blob);
  }

  void SetMethod(const ClientRequest& request) {
    CURL* const curl = handle.get();
    if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (request.source) {
      curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(curl, CURLOPT_READFUNCTION, OnSend);
    } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  // As curl_easy_perform, but Wake() ends a wait.
  CURLcode Perform(Exchange& exchange) {
    constexpr int kLongestWaitMs = 1000;
    CURL* const curl = handle.get();
    if (curl_multi_add_handle(multi.get(), curl) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
    CURLMcode code = CURLM_OK;
    for (int running = 1; code == CURLM_OK;) {
      code = curl_multi_perform(multi.get(), &running);
      if (code != CURLM_OK || running == 0 || OnProgress(&exchange, 0, 0, 0, 0) != 0) break;
      code = curl_multi_poll(multi.get(), nullptr, 0, kLongestWaitMs, nullptr);
    }
    CURLcode result = code == CURLM_OK ? CURLE_ABORTED_BY_CALLBACK : CURLE_FAILED_INIT;
    int left = 0;
    if (const CURLMsg* const message = curl_multi_info_read(multi.get(), &left))
      result = message->data.result;
    curl_multi_remove_handle(multi.get(), curl);
    return result;
  }
};

Client::Client(Options options) : impl_(std::make_unique<Impl>()) {
  InitCurlOnce();
  impl_->options = std::move(options);
  impl_->multi.reset(curl_multi_init());
  impl_->handle.reset(curl_easy_init());
}

Client::~Client() = default;

void Client::Wake() {
  if (impl_->multi) curl_multi_wakeup(impl_->multi.get());
}

const Client::Options& Client::options() const {
  return impl_->options;
}

Result<ClientResponse> Client::Call(const ClientRequest& request) {
  CURL* const curl = impl_->handle.get();
  if (curl == nullptr || impl_->multi == nullptr)
    return ResourceExhausted("curl has no memory for a connection");
  curl_easy_reset(curl);  // options only: the connection stays open
  impl_->SetConnection();
  impl_->SetMethod(request);

  HeaderList headers;
  const auto add_header = [&](const std::string& line) {
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
  };
  for (const auto& [name, value] : request.headers) add_header(name + ": " + value);
  add_header("Expect:");  // no waiting for "100 Continue"
  if (request.source) add_header("Transfer-Encoding: chunked");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());

  Exchange exchange{.request = request, .options = impl_->options, .handle = curl};
  char detail[CURL_ERROR_SIZE] = "";
  const std::string url = impl_->options.base_url + request.path;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(curl, CURLOPT_READDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, OnProgress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, long{request.timeout.count()});
  if (request.idle_timeout.count() > 0) {
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, long{request.idle_timeout.count()});
  }
  const CURLcode code = impl_->Perform(exchange);
  if (!exchange.failure.ok()) return exchange.failure;
  if (code != CURLE_OK) return FromCurl(code, detail, request, impl_->options);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kPlainSigns = "-._~";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || kPlainSigns.find(c) != kPlainSigns.npos)
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", byte);
  }
  return encoded;
}

}  // namespace headpond::http
