#include "operator/apiserver/selectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <compare>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/result.h"

namespace headpond::apiserver {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool IsLabelChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' ||
         c == '/';
}

std::optional<int64_t> WholeNumber(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

ApiError Unparsable(std::string_view text) {
  return BadRequestError(fmt::format("unable to parse requirement: {}", text));
}

}  // namespace

class Selector::LabelParser {
 public:
  explicit LabelParser(std::string_view text) : text_(text), rest_(text) {}

  Outcome<std::vector<Requirement>> Parse() {
    std::vector<Requirement> requirements;
    while (true) {
      Skip();
      auto requirement = One();
      if (!requirement.ok()) return requirement.status();
      requirements.push_back(*std::move(requirement));
      Skip();
      if (rest_.empty()) return requirements;
      if (!Take(",")) return Unparsable(text_);
    }
  }

 private:
  void Skip() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }
  bool Take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    Skip();
    return true;
  }
  std::string Word() {
    const auto end = std::ranges::find_if_not(rest_, IsLabelChar);
    std::string word(rest_.begin(), end);
    rest_.remove_prefix(word.size());
    Skip();
    return word;
  }

  Outcome<Requirement> One() {
    const bool negated = Take("!");
    Requirement requirement{.key = Word(),
                            .op = negated ? Operator::kNotExists : Operator::kExists};
    if (requirement.key.empty()) return Unparsable(text_);
    if (negated || rest_.empty() || rest_.starts_with(',')) return requirement;
    if (Take("!=")) return Equal(std::move(requirement), Operator::kNotIn);
    if (Take("==") || Take("=")) return Equal(std::move(requirement), Operator::kIn);
    if (Take(">")) return Compare(std::move(requirement), Operator::kGreater);
    if (Take("<")) return Compare(std::move(requirement), Operator::kLess);
    const std::string word = Word();
    if (word != "in" && word != "notin") return Unparsable(text_);
    requirement.op = word == "in" ? Operator::kIn : Operator::kNotIn;
    if (!Take("(")) return Unparsable(text_);
    do {
      requirement.values.push_back(Word());
    } while (Take(","));
    if (!Take(")")) return Unparsable(text_);
    return requirement;
  }

  Outcome<Requirement> Equal(Requirement requirement, Operator op) {
    requirement.op = op;
    requirement.values.push_back(Word());
    return requirement;
  }

  Outcome<Requirement> Compare(Requirement requirement, Operator op) {
    requirement.op = op;
    requirement.values.push_back(Word());
    if (!WholeNumber(requirement.values.front())) return Unparsable(text_);
    return requirement;
  }

  const std::string_view text_;
  std::string_view rest_;
};

Outcome<Selector> Selector::Parse(const ResourceType& type, std::string_view labels,
                                  std::string_view fields) {
  Selector selector;
  if (!Trim(labels).empty()) {
    ASSIGN_OR_RETURN(selector.labels_, LabelParser(labels).Parse());
  }
  for (std::string_view rest = Trim(fields); !rest.empty();) {
    const size_t comma = rest.find(',');
    const std::string_view term = Trim(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    const size_t equals = term.find('=');
    if (equals == std::string_view::npos)
      return BadRequestError(
          fmt::format("invalid selector: '{}'; can't understand '{}'", fields, term));
    const bool negated = equals > 0 && term[equals - 1] == '!';
    const std::string key(Trim(term.substr(0, equals - (negated ? 1 : 0))));
    std::string_view value = term.substr(equals + 1);
    if (!negated && value.starts_with('=')) value.remove_prefix(1);
    if (key != "metadata.name" && key != "metadata.namespace" &&
        std::ranges::find(type.field_selectors, key) == type.field_selectors.end())
      return BadRequestError(fmt::format("field label not supported: {}", key));
    selector.fields_.push_back(
        {key, negated ? Operator::kNotIn : Operator::kIn, {std::string(Trim(value))}});
  }
  return selector;
}

bool Selector::Holds(const Requirement& requirement, const std::string* value) {
  const auto listed = [&] {
    return value != nullptr &&
           std::ranges::find(requirement.values, *value) != requirement.values.end();
  };
  // How the label stands to the number; one that is no number is neither greater nor less.
  const auto compared = [&]() -> std::partial_ordering {
    const auto number = WholeNumber(value == nullptr ? "" : *value);
    const auto limit = WholeNumber(requirement.values.front());
    if (!number || !limit) return std::partial_ordering::unordered;
    return *number <=> *limit;
  };
  switch (requirement.op) {
    case Operator::kGreater: return compared() > 0;
    case Operator::kLess: return compared() < 0;
    case Operator::kIn: return listed();
    case Operator::kNotIn: return !listed();
    case Operator::kExists: return value != nullptr;
    case Operator::kNotExists: return value == nullptr;
  }
  return false;
}

bool Selector::Matches(const nlohmann::json& object) const {
  const nlohmann::json& labels = At(object, "metadata.labels");
  for (const Requirement& requirement : labels_) {
    const auto found = labels.is_object() ? labels.find(requirement.key) : labels.end();
    const bool there = labels.is_object() && found != labels.end() && found->is_string();
    if (!Holds(requirement, there ? &found->get_ref<const std::string&>() : nullptr)) return false;
  }
  for (const Requirement& requirement : fields_) {
    const std::string value = TextAt(object, requirement.key);
    if (!Holds(requirement, &value)) return false;
  }
  return true;
}

}  // namespace headpond::apiserver
