#include "cli/image_commands.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "base/unique_fd.h"
#include "base/units.h"
#include "cli/format.h"
#include "cli/progress.h"
#include "image/engine.h"
#include "image/registry.h"

namespace headpond::cli {
namespace {

using image::Credentials;
using image::Engine;
using image::LayerProgress;
using image::Reference;

constexpr std::string_view kPasswordVariable = "HEADPOND_REGISTRY_PASSWORD";
constexpr size_t kMaxRepositories = 10'000;
constexpr size_t kShortId = 12;
constexpr size_t kPieceBytes = 1 << 20;

const OptionSpec kRegistry{.name = "registry", .value = "host[:port]", .help = "which registry"};
const OptionSpec kUser{.name = "user",
                       .value = "name",
                       .help = "log in as; the password is in HEADPOND_REGISTRY_PASSWORD"};
const OptionSpec kInsecure{.name = "insecure-registry",
                           .value = "host[:port]",
                           .help = "may speak plain HTTP, or TLS with any certificate; repeatable"};
const OptionSpec kAuthority{
    .name = "ca", .value = "file", .help = "trust the registry's certificates by this PEM file"};
const OptionSpec kFile{
    .letter = "f", .name = "file", .value = "file", .help = "the tar archive", .required = true};

Result<http::Client::Options> EngineOf(Call& call) {
  return image::EngineAddress(call.session.environment());
}

// --user, else what `docker login` has kept.
Result<std::optional<Credentials>> CredentialsFor(Call& call, const std::string& registry) {
  const auto& environment = call.session.environment();
  const auto user = call.args.Value(kUser.key());
  if (!user) return image::StoredCredentials(environment, registry);
  const auto password = environment.find(std::string(kPasswordVariable));
  if (password == environment.end())
    return InvalidArgument("--user {} needs the password in the variable {}", *user,
                           kPasswordVariable);
  return std::optional(Credentials{.user = *user, .password = password->second});
}

// Draws the sums that an Engine tells.
class LayerBar {
 public:
  explicit LayerBar(Call& call) : bar_(call.session.err(), call.session.clock(), 0) {}
  void Show(const LayerProgress& now) {
    bar_.AddTotal(now.total_bytes - before_.total_bytes);
    bar_.Add(now.done_bytes - before_.done_bytes);
    before_ = now;
  }
  void Clear() { bar_.Clear(); }

 private:
  Progress bar_;
  LayerProgress before_;
};

void PrintResult(Call& call, std::string_view did, const Reference& reference,
                 const std::string& digest) {
  if (call.output == OutputFormat::kText)
    return call.out().Line("{} {}{}", did, reference.ToString(),
                           digest.empty() ? "" : " (" + digest + ")");
  PrintDocument(call.out(), call.output,
                Document::EmptyMap().Set("image", reference.ToString()).Set("digest", digest));
}

Result<int> Push(Call& call) {
  const std::string& local = call.positional().front();
  ASSIGN_OR_RETURN(const Reference from, image::ParseReference(local));
  if (!from.digest.empty()) return InvalidArgument("{}: push a tag, not a digest", local);
  Reference to = from;
  if (const auto registry = call.args.Value(kRegistry.key())) to.registry = *registry;
  if (const auto name = call.args.Value("as")) {
    ASSIGN_OR_RETURN(to, image::ParseReference(*name));
  }
  // Checks what --registry made of the name.
  ASSIGN_OR_RETURN(to, image::ParseReference(to.ToString()));
  ASSIGN_OR_RETURN(const auto credentials, CredentialsFor(call, to.registry));
  ASSIGN_OR_RETURN(auto address, EngineOf(call));
  Engine engine(std::move(address));
  if (to.ToString() != from.ToString()) RETURN_IF_ERROR(engine.Tag(local, to));
  LayerBar bar(call);
  const auto digest =
      engine.Push(to, credentials, [&](const LayerProgress& now) { bar.Show(now); });
  bar.Clear();
  if (!digest.ok()) return digest.status().WithContext("cannot push " + to.ToString());
  PrintResult(call, "pushed", to, *digest);
  return kExitOk;
}

Result<int> Pull(Call& call) {
  ASSIGN_OR_RETURN(const Reference reference, image::ParseReference(call.positional().front()));
  ASSIGN_OR_RETURN(const auto credentials, CredentialsFor(call, reference.registry));
  ASSIGN_OR_RETURN(auto address, EngineOf(call));
  Engine engine(std::move(address));
  LayerBar bar(call);
  const auto digest =
      engine.Pull(reference, credentials, [&](const LayerProgress& now) { bar.Show(now); });
  bar.Clear();
  if (!digest.ok()) return digest.status().WithContext("cannot pull " + reference.ToString());
  PrintResult(call, "pulled", reference, *digest);
  return kExitOk;
}

Status WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = write(fd, data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "cannot write the archive");
    data.remove_prefix(static_cast<size_t>(count));
  }
  return Status::Ok();
}

// What the Engine has of the named images, unpacked: the archive is about as large.
int64_t UnpackedBytes(Engine& engine, const std::vector<std::string>& names) {
  const auto images = engine.List();
  int64_t bytes = 0;
  for (const std::string& name : names) {
    const auto reference = image::ParseReference(name);
    if (!images.ok() || !reference.ok()) continue;
    for (const image::LocalImage& one : *images)
      if (std::ranges::find(one.tags, reference->ToString()) != one.tags.end())
        bytes += one.size_bytes;
  }
  return bytes;
}

// The archive appears under its name when it is whole.
Result<int> Save(Call& call) {
  const std::string path = call.args.ValueOr(kFile.key(), "");
  const std::string part = path + ".part";
  for (const std::string& name : call.positional())
    RETURN_IF_ERROR(image::ParseReference(name).status());
  ASSIGN_OR_RETURN(auto address, EngineOf(call));
  Engine engine(std::move(address));
  UniqueFd file(open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.valid()) return ErrnoStatus(errno, "cannot make " + part);
  Progress bar(call.session.err(), call.session.clock(), UnpackedBytes(engine, call.positional()));
  int64_t bytes = 0;
  Status saved = engine.Save(call.positional(), [&](std::string_view piece) {
    bar.Add(static_cast<int64_t>(piece.size()));
    bytes += static_cast<int64_t>(piece.size());
    return WriteAll(file.get(), piece);
  });
  bar.Clear();
  if (saved.ok() && fsync(file.get()) != 0) saved = ErrnoStatus(errno, "cannot write " + part);
  if (saved.ok() && rename(part.c_str(), path.c_str()) != 0)
    saved = ErrnoStatus(errno, "cannot name " + path);
  if (!saved.ok()) {
    unlink(part.c_str());
    return saved;
  }
  call.out().Line("saved {} in {}", FormatSize(bytes), path);
  return kExitOk;
}

Result<int> Load(Call& call) {
  const std::string path = call.args.ValueOr(kFile.key(), "");
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, "cannot read " + path);
  struct stat facts {};
  if (fstat(file.get(), &facts) != 0) return ErrnoStatus(errno, "cannot read " + path);
  ASSIGN_OR_RETURN(auto address, EngineOf(call));
  Engine engine(std::move(address));
  Progress bar(call.session.err(), call.session.clock(), facts.st_size);
  const auto loaded = engine.Load([&]() -> Result<std::string> {
    std::string piece(kPieceBytes, '\0');
    ssize_t count = 0;
    do count = read(file.get(), piece.data(), piece.size());
    while (count < 0 && errno == EINTR);
    if (count < 0) return ErrnoStatus(errno, "cannot read " + path);
    piece.resize(static_cast<size_t>(count));
    bar.Add(count);
    return piece;
  });
  bar.Clear();
  if (!loaded.ok()) return loaded.status().WithContext("cannot load " + path);
  for (const std::string& line : *loaded) call.out().Line("{}", line);
  return kExitOk;
}

// One line of a listing.
struct Row {
  std::string repository, tag, id;
  int64_t size_bytes = 0, created_ms = 0;
};

void PrintRows(Call& call, const std::vector<Row>& rows, bool local) {
  if (call.output != OutputFormat::kText) {
    ListPrinter printer(call.out(), call.output);
    for (const Row& row : rows) {
      Document item = Document::EmptyMap();
      item.Set("repository", row.repository).Set("tag", row.tag);
      if (local)
        item.Set("id", row.id).Set("sizeBytes", row.size_bytes).Set("createdMs", row.created_ms);
      printer.Add(item);
    }
    return printer.Finish();
  }
  size_t repository = std::string_view("REPOSITORY").size(), tag = std::string_view("TAG").size();
  for (const Row& row : rows) {
    repository = std::max(repository, row.repository.size());
    tag = std::max(tag, row.tag.size());
  }
  const auto line = [&](const std::string& a, const std::string& b, const std::string& rest) {
    call.out().Line("{}  {}{}", PadRight(a, repository), local ? PadRight(b, tag) : b, rest);
  };
  line("REPOSITORY", "TAG", local ? "  ID            SIZE" : "");
  for (const Row& row : rows)
    line(row.repository, row.tag,
         local ? fmt::format("  {}  {}", PadRight(row.id, kShortId), FormatSize(row.size_bytes))
               : "");
}

Result<std::vector<Row>> LocalRows(Call& call) {
  ASSIGN_OR_RETURN(auto address, EngineOf(call));
  Engine engine(std::move(address));
  ASSIGN_OR_RETURN(const auto images, engine.List());
  std::vector<Row> rows;
  for (const image::LocalImage& one : images) {
    const size_t colon = one.id.find(':');
    for (const std::string& name : one.tags) {
      const size_t tag = name.rfind(':');
      rows.push_back({.repository = name.substr(0, tag),
                      .tag = tag == name.npos ? "" : name.substr(tag + 1),
                      .id = one.id.substr(colon == one.id.npos ? 0 : colon + 1, kShortId),
                      .size_bytes = one.size_bytes,
                      .created_ms = one.created_ms});
    }
  }
  std::ranges::sort(rows, {}, [](const Row& row) { return std::tie(row.repository, row.tag); });
  return rows;
}

Result<std::vector<Row>> RegistryRows(Call& call, const std::string& registry,
                                      std::string_view text) {
  const std::vector<std::string> insecure = call.args.Values(kInsecure.key());
  ASSIGN_OR_RETURN(const auto credentials, CredentialsFor(call, registry));
  image::Registry catalogue({.host = registry,
                             .credentials = credentials,
                             .ca_file = call.args.ValueOr(kAuthority.key(), ""),
                             .insecure = std::ranges::find(insecure, registry) != insecure.end()});
  ASSIGN_OR_RETURN(const auto repositories, catalogue.Repositories(kMaxRepositories));
  std::vector<Row> rows;
  for (const std::string& repository : repositories) {
    if (repository.find(text) == repository.npos) continue;
    const auto tags = catalogue.Tags(repository);
    // One whose tags have all been deleted stays in the catalogue.
    if (!tags.ok() && tags.status().code() == Code::kNotFound) continue;
    if (!tags.ok()) return tags.status();
    for (const std::string& tag : *tags)
      rows.push_back({.repository = fmt::format("{}/{}", registry, repository), .tag = tag});
  }
  return rows;
}

Result<int> Ls(Call& call) {
  const auto registry = call.args.Value(kRegistry.key());
  ASSIGN_OR_RETURN(const auto rows, registry ? RegistryRows(call, *registry, "") : LocalRows(call));
  PrintRows(call, rows, /*local=*/!registry);
  return kExitOk;
}

Result<int> Search(Call& call) {
  const std::string& text = call.positional().front();
  const std::string registry = call.args.ValueOr(kRegistry.key(), "");
  ASSIGN_OR_RETURN(const auto rows, RegistryRows(call, registry, text));
  PrintRows(call, rows, /*local=*/false);
  return kExitOk;
}

OptionSpec Required(OptionSpec option) {
  option.required = true;
  return option;
}

}  // namespace

std::vector<Command> ImageCommands() {
  return {
      {.name = "push",
       .usage = "push [--registry <host[:port]>] [--as <name>] [--user <name>] <image>",
       .help = "Sends an image of the Docker Engine to a registry.",
       .examples = "  headpond image push registry.example:5000/headpond/headpond:0.1.0\n"
                   "  headpond image push --registry 10.0.0.5:5000 headpond/headpond:latest\n"
                   "  HEADPOND_REGISTRY_PASSWORD=... headpond image push --user ci --as "
                   "registry.example/cache:1 headpond/headpond",
       .min_args = 1,
       .max_args = 1,
       .options = {kRegistry, {.name = "as", .value = "name", .help = "its name there"}, kUser},
       .structured = true,
       .run = Push},
      {.name = "pull",
       .usage = "pull [--user <name>] <image>",
       .help = "Has the Docker Engine fetch an image from a registry.",
       .examples = "  headpond image pull registry.example:5000/headpond/headpond:0.1.0\n"
                   "  headpond image pull 10.0.0.5:5000/headpond/headpond@sha256:<digest>",
       .min_args = 1,
       .max_args = 1,
       .options = {kUser},
       .structured = true,
       .run = Pull},
      {.name = "save",
       .usage = "save -f <file> <image> ...",
       .help = "Writes images of the Docker Engine into a tar archive.",
       .examples = "  headpond image save -f headpond.tar headpond/headpond headpond/"
                   "headpond-operator",
       .min_args = 1,
       .max_args = kAnyNumber,
       .options = {kFile},
       .run = Save},
      {.name = "load",
       .usage = "load -f <file>",
       .help = "Gives the Docker Engine the images of a tar archive, plain or compressed.",
       .examples = "  headpond image load -f headpond.tar",
       .max_args = 0,
       .options = {kFile},
       .run = Load},
      {.name = "ls",
       .usage = "ls [--registry <host[:port]>]",
       .help = "Lists the images of the Docker Engine, or of a registry.",
       .examples = "  headpond image ls\n"
                   "  headpond image ls --registry registry.example:5000 -o json\n"
                   "  headpond image ls --registry 10.0.0.5:5000 --insecure-registry 10.0.0.5:5000",
       .max_args = 0,
       .options = {kRegistry, kUser, kInsecure, kAuthority},
       .structured = true,
       .run = Ls},
      {.name = "search",
       .usage = "search --registry <host[:port]> <text>",
       .help = "Lists the images of a registry whose names hold a text.",
       .examples = "  headpond image search --registry registry.example:5000 headpond",
       .min_args = 1,
       .max_args = 1,
       .options = {Required(kRegistry), kUser, kInsecure, kAuthority},
       .structured = true,
       .run = Search}};
}

}  // namespace headpond::cli
