#include "operator/api/yaml.h"

#include <yaml-cpp/emitter.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/null.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "operator/api/yaml_scalar.h"

namespace headpond::api {
namespace {

using nlohmann::json;
using Lines = std::map<std::string, int, std::less<>>;

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";
constexpr size_t kMaxRecordedLines =
    10'000;  // enough for every file a person writes; bounds the memory of others
constexpr size_t kMaxRecordedPath = 1024;

// Bytes in front of the first one that isn't part of a well-formed UTF-8 sequence.
size_t ValidUtf8Prefix(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xC2 && lead < 0xE0 ? 2
                          : lead >= 0xE0 && lead < 0xF0 ? 3
                          : lead >= 0xF0 && lead < 0xF5 ? 4
                                                        : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return i;
    const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool surrogate = lead == 0xED && second >= 0xA0;
    const bool too_large = lead == 0xF4 && second >= 0x90;
    if (overlong || surrogate || too_large) return i;
    i += length;
  }
  return i;
}

// Turns yaml-cpp's events into JSON. After the first problem it ignores what follows: the library
// offers no way to stop but an exception, and the text's length is bounded.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(const YamlLimits& limits) : limits_(limits) {}

  const Status& status() const { return status_; }
  std::optional<YamlDocument> TakeDocument() {
    if (!root_ || root_->is_null()) return std::nullopt;
    return YamlDocument(*std::move(root_), std::move(lines_), first_line_);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    root_.reset();
    lines_.clear();
    anchors_.clear();
    stack_.clear();
    first_line_ = mark.line + 1;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (AtKey()) return Fail(mark, "a key is missing");
    if (Count(mark, 1)) Add(mark, anchor, nullptr, 1);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (!Count(mark, 1)) return;
    if (AtKey()) {
      if (anchor != 0) anchors_.insert_or_assign(anchor, Anchored{json(value), 1});
      return SetKey(mark, tag == "?" && value == "<<", value);
    }
    auto resolved = Resolve(tag, value);
    if (!resolved.ok()) return Fail(mark, resolved.status().message());
    Add(mark, anchor, *std::move(resolved), 1);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!status_.ok()) return;
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) return Fail(mark, "an alias refers to the node it is part of");
    if (AtKey()) return Fail(mark, "a key must be a scalar, not an alias");
    if (Count(mark, found->second.nodes)) Add(mark, 0, found->second.value, found->second.nodes);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, "seq", anchor, json::array());
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, "map", anchor, json::object());
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    json value;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    std::string path;
    size_t nodes_before = 0;
    std::optional<std::string> key;
    bool merge_key = false;
    std::vector<json> merges;
  };
  struct Anchored {
    json value;
    size_t nodes;
  };

  bool AtKey() const {
    return !stack_.empty() && stack_.back().value.is_object() && !stack_.back().key;
  }

  void Fail(const YAML::Mark& mark, std::string_view what) {
    if (status_.ok()) status_ = InvalidArgument("line {}: {}", mark.line + 1, what);
  }

  bool Count(const YAML::Mark& mark, size_t nodes) {
    if (!status_.ok()) return false;
    nodes_ += nodes;
    if (nodes_ <= limits_.nodes) return true;
    status_ = ResourceExhausted("line {}: more than {} values, counting every use of an alias",
                                mark.line + 1, limits_.nodes);
    return false;
  }

  static Result<json> Resolve(const std::string& tag, const std::string& value) {
    if (tag == "?") return ResolvePlainScalar(value);
    if (tag == "!" || tag == std::string(kTagPrefix) + "str") return json(value);
    std::string_view name = tag;
    if (!name.starts_with(kTagPrefix)) return InvalidArgument("tag {} is not supported", tag);
    name.remove_prefix(kTagPrefix.size());
    ASSIGN_OR_RETURN(const json resolved, ResolvePlainScalar(value));
    const bool fits = (name == "int" && resolved.is_number_integer()) ||
                      (name == "float" && resolved.is_number()) ||
                      (name == "bool" && resolved.is_boolean()) ||
                      (name == "null" && resolved.is_null());
    if (!fits) return InvalidArgument("\"{}\" is not of type !!{}", value, name);
    return resolved;
  }

  void SetKey(const YAML::Mark& mark, bool merge, const std::string& key) {
    Frame& frame = stack_.back();
    if (!merge && frame.value.contains(key))
      return Fail(mark, fmt::format("key \"{}\" is there twice", key));
    frame.key = key;
    frame.merge_key = merge;
    if (!merge) RecordLine(mark, ChildPath());
  }

  std::string ChildPath() const {
    if (stack_.empty()) return "";
    const Frame& frame = stack_.back();
    std::string path = frame.path;
    if (frame.value.is_array()) return path + "[" + std::to_string(frame.value.size()) + "]";
    if (path.size() + frame.key->size() > kMaxRecordedPath) return path;
    return path.empty() ? *frame.key : path + "." + *frame.key;
  }

  void RecordLine(const YAML::Mark& mark, std::string path) {
    if (lines_.size() < kMaxRecordedLines) lines_.emplace(std::move(path), mark.line + 1);
  }

  void Open(const YAML::Mark& mark, const std::string& tag, std::string_view kind,
            YAML::anchor_t anchor, json empty) {
    if (!status_.ok()) return;
    if (AtKey()) return Fail(mark, "a key must be a scalar");
    if (tag != "?" && tag != "!" && tag != std::string(kTagPrefix).append(kind))
      return Fail(mark, fmt::format("tag {} is not supported", tag));
    if (stack_.size() >= limits_.depth) {
      status_ =
          ResourceExhausted("line {}: nested more than {} deep", mark.line + 1, limits_.depth);
      return;
    }
    const size_t nodes_before = nodes_;
    if (!Count(mark, 1)) return;
    std::string path = ChildPath();
    if (!stack_.empty() && stack_.back().value.is_array()) RecordLine(mark, path);
    stack_.push_back({.value = std::move(empty),
                      .mark = mark,
                      .anchor = anchor,
                      .path = std::move(path),
                      .nodes_before = nodes_before});
  }

  void Close() {
    if (!status_.ok()) return;
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    for (const json& merged : frame.merges)
      for (const auto& [key, value] : merged.items())
        if (!frame.value.contains(key)) frame.value[key] = value;
    Add(frame.mark, frame.anchor, std::move(frame.value), nodes_ - frame.nodes_before);
  }

  void Add(const YAML::Mark& mark, YAML::anchor_t anchor, json value, size_t nodes) {
    if (anchor != 0) anchors_.insert_or_assign(anchor, Anchored{value, nodes});
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& parent = stack_.back();
    if (parent.value.is_array()) {
      if (!value.is_structured()) RecordLine(mark, ChildPath());
      parent.value.push_back(std::move(value));
    } else if (parent.merge_key) {
      AddMerge(mark, parent, std::move(value));
      parent.key.reset();
    } else {
      parent.value[*parent.key] = std::move(value);
      parent.key.reset();
    }
  }

  void AddMerge(const YAML::Mark& mark, Frame& frame, json value) {
    json list = value.is_array() ? std::move(value) : json::array({std::move(value)});
    for (json& merged : list) {
      if (!merged.is_object()) return Fail(mark, "<< needs a map or a list of maps");
      frame.merges.push_back(std::move(merged));
    }
  }

  const YamlLimits& limits_;
  Status status_;
  size_t nodes_ = 0;
  int first_line_ = 1;
  std::optional<json> root_;
  Lines lines_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::vector<Frame> stack_;
};

// spec.properties[a.b] and spec.properties.a.b are the same place to the reader, which knows no
// schema.
std::string WithoutKeyBrackets(std::string_view path) {
  std::string plain;
  for (size_t i = 0; i < path.size(); ++i) {
    const size_t close = path[i] == '[' ? path.find(']', i) : std::string_view::npos;
    const bool is_index =
        close != std::string_view::npos &&
        path.substr(i + 1, close - i - 1).find_first_not_of("0123456789") == std::string_view::npos;
    if (close == std::string_view::npos || is_index) {
      plain += path[i];
    } else {
      plain.append(".").append(path.substr(i + 1, close - i - 1));
      i = close;
    }
  }
  return plain;
}

void Emit(YAML::Emitter& out, const json& value) {
  switch (value.type()) {
    case json::value_t::object:
      if (value.empty()) out << YAML::Flow;
      out << YAML::BeginMap;
      for (const auto& [key, item] : value.items()) {
        out << YAML::Key;
        Emit(out, key);
        out << YAML::Value;
        Emit(out, item);
      }
      out << YAML::EndMap;
      return;
    case json::value_t::array:
      if (value.empty()) out << YAML::Flow;
      out << YAML::BeginSeq;
      for (const json& item : value) Emit(out, item);
      out << YAML::EndSeq;
      return;
    case json::value_t::string: {
      const auto& text = value.get_ref<const std::string&>();
      const auto plain = ResolvePlainScalar(text);
      if (!plain.ok() || !plain->is_string() || text == "<<") out << YAML::DoubleQuoted;
      out << text;
      return;
    }
    case json::value_t::null: out << YAML::Null; return;
    default: out << value.dump();
  }
}

}  // namespace

YamlDocument::YamlDocument(json value, Lines lines, int first_line)
    : value_(std::make_unique<json>(std::move(value))),
      lines_(std::move(lines)),
      first_line_(first_line) {}
YamlDocument::~YamlDocument() = default;
YamlDocument::YamlDocument(YamlDocument&&) noexcept = default;
YamlDocument& YamlDocument::operator=(YamlDocument&&) noexcept = default;

int YamlDocument::LineOf(std::string_view path) const {
  std::string place = WithoutKeyBrackets(path);
  while (!place.empty()) {
    if (const auto found = lines_.find(place); found != lines_.end()) return found->second;
    const size_t cut = place.find_last_of(".[");
    place.resize(cut == std::string::npos ? 0 : cut);
  }
  return first_line_;
}

Result<std::vector<YamlDocument>> ParseYaml(std::string_view text, const YamlLimits& limits) {
  if (text.size() > limits.bytes)
    return ResourceExhausted("{} bytes of YAML; at most {} are read", text.size(), limits.bytes);
  if (const size_t valid = ValidUtf8Prefix(text); valid < text.size()) {
    const auto line =
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(valid), '\n') + 1;
    return InvalidArgument("line {}: not UTF-8 text", line);
  }
  std::vector<YamlDocument> documents;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder(limits);
    while (parser.HandleNextDocument(builder)) {
      RETURN_IF_ERROR(builder.status());
      if (auto document = builder.TakeDocument()) documents.push_back(*std::move(document));
      if (documents.size() > limits.documents)
        return ResourceExhausted("more than {} documents", limits.documents);
    }
    RETURN_IF_ERROR(builder.status());
  } catch (const YAML::Exception& e) {
    return InvalidArgument("line {}: {}", e.mark.line + 1, e.msg);
  } catch (const std::exception& e) {
    return InvalidArgument("not YAML: {}", e.what());
  }
  return documents;
}

std::string ToYaml(const json& value) {
  YAML::Emitter out;
  Emit(out, value);
  return out.c_str();
}

}  // namespace headpond::api
