#include "testing/message_mutator.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <span>

namespace headpond::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

constexpr int kMaxNesting = 5;
constexpr int kManyEntries = 3000;

struct Text {
  std::string_view name;
  std::string value;
};

std::string Repeat(std::string_view part, size_t times) {
  std::string text;
  text.reserve(part.size() * times);
  for (size_t i = 0; i < times; ++i) text += part;
  return text;
}

const std::vector<Text>& AbsurdTexts() {
  static const std::vector<Text> texts = {
      {"empty", ""},
      {"1 MB", std::string(1 << 20, 'n')},
      {"a name of 5000 bytes", "/fuzz/" + std::string(5000, 'n')},
      {"climbing", "/fuzz/../../etc/passwd"},
      {"relative", "fuzz/x"},
      {"NUL", std::string("/fuzz/a\0b", 9)},
      {"30,000 levels", Repeat("/x", 30'000)},
      {"100,000 levels", Repeat("/x", 100'000)},
      {"no UTF-8", "/fuzz/\xff\xfe\x80"},
      {"only dots", "/fuzz/./.../.."},
      {"format characters", "/fuzz/%s%n{}{0}"},
  };
  return texts;
}

std::span<const int64_t> AbsurdLongs() {
  using Limits = std::numeric_limits<int64_t>;
  static constexpr int64_t kValues[] = {-1,
                                        0,
                                        1,
                                        Limits::min(),
                                        Limits::max(),
                                        Limits::max() - 1,
                                        int64_t{1} << 62,
                                        -2,
                                        int64_t{1} << 39};
  return kValues;
}

std::span<const int32_t> AbsurdInts() {
  using Limits = std::numeric_limits<int32_t>;
  static constexpr int32_t kValues[] = {-1, 0, 1, Limits::min(), Limits::max(), 65'536};
  return kValues;
}

std::span<const double> AbsurdDoubles() {
  using Limits = std::numeric_limits<double>;
  static constexpr double kValues[] = {-1, Limits::quiet_NaN(), Limits::infinity(), Limits::max()};
  return kValues;
}

// Calls `use(name, setter)` for each absurd value; the setter sets or, for a repeated field, adds.
template <typename Use>
void ForEachValue(const FieldDescriptor& field, Use&& use) {
  const FieldDescriptor* f = &field;
  const auto numbers = [&](const auto& values, auto set, auto add) {
    for (const auto value : values)
      use(fmt::format("{}", value), [f, value, set, add](Message& message) {
        const auto* reflection = message.GetReflection();
        if (f->is_repeated()) {
          (reflection->*add)(&message, f, value);
        } else {
          (reflection->*set)(&message, f, value);
        }
      });
  };
  using R = google::protobuf::Reflection;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: return numbers(AbsurdInts(), &R::SetInt32, &R::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64: return numbers(AbsurdLongs(), &R::SetInt64, &R::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return numbers(AbsurdInts(), &R::SetUInt32, &R::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return numbers(AbsurdLongs(), &R::SetUInt64, &R::AddUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return numbers(AbsurdDoubles(), &R::SetDouble, &R::AddDouble);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return numbers(AbsurdDoubles(), &R::SetFloat, &R::AddFloat);
    case FieldDescriptor::CPPTYPE_BOOL: {
      static constexpr int kBoth[] = {0, 1};
      return numbers(kBoth, &R::SetBool, &R::AddBool);
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      std::vector<int> values = {-1, std::numeric_limits<int>::max()};
      for (int i = 0; i < field.enum_type()->value_count(); ++i)
        values.push_back(field.enum_type()->value(i)->number());
      return numbers(values, &R::SetEnumValue, &R::AddEnumValue);
    }
    case FieldDescriptor::CPPTYPE_STRING:
      for (const Text& text : AbsurdTexts())
        use(std::string(text.name), [f, &text](Message& message) {
          const auto* reflection = message.GetReflection();
          if (f->is_repeated()) {
            reflection->AddString(&message, f, text.value);
          } else {
            reflection->SetString(&message, f, text.value);
          }
        });
      return;
    case FieldDescriptor::CPPTYPE_MESSAGE: return;
  }
}

// A message without its required fields is malformed as a whole, and then nobody looks at the rest.
void FillRequired(Message& message) {
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (!field->is_required() || reflection->HasField(message, field)) continue;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_ENUM:
        reflection->SetEnum(&message, field, field->enum_type()->value(0));
        break;
      case FieldDescriptor::CPPTYPE_STRING:
        reflection->SetString(&message, field, "/fuzz/file");
        break;
      case FieldDescriptor::CPPTYPE_INT64: reflection->SetInt64(&message, field, 1); break;
      case FieldDescriptor::CPPTYPE_BOOL: reflection->SetBool(&message, field, false); break;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        FillRequired(*reflection->MutableMessage(&message, field));
        break;
      default: break;
    }
  }
}

Message& Enter(Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  Message& entered = field->is_repeated() ? *reflection->AddMessage(&message, field)
                                          : *reflection->MutableMessage(&message, field);
  FillRequired(entered);
  return entered;
}

class Collector {
 public:
  void Visit(const Descriptor& type, const std::vector<const FieldDescriptor*>& above,
             const std::string& prefix) {
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor* field = type.field(i);
      const std::string name = prefix + field->name();
      Add(above, name + " missing",
          [field](Message& message) { message.GetReflection()->ClearField(&message, field); });
      ForEachValue(*field, [&](const std::string& value, const auto& set) {
        Add(above, fmt::format("{}={}", name, value), set);
      });
      if (field->is_repeated()) AddMany(above, name, field);
      if (field->message_type() == nullptr || above.size() + 1 >= kMaxNesting) continue;
      auto here = above;
      here.push_back(field);
      Add(here, name + " empty", [](Message& message) { message.Clear(); });
      Visit(*field->message_type(), here, name + ".");
    }
  }

  std::vector<Mutation> Take() { return std::move(mutations_); }

 private:
  void Add(const std::vector<const FieldDescriptor*>& above, std::string what,
           std::function<void(Message&)> change) {
    mutations_.push_back({std::move(what), [above, change = std::move(change)](Message& message) {
                            Message* here = &message;
                            for (const FieldDescriptor* field : above) here = &Enter(*here, field);
                            change(*here);
                          }});
  }

  void AddMany(const std::vector<const FieldDescriptor*>& above, const std::string& name,
               const FieldDescriptor* field) {
    Add(above, fmt::format("{} {} times", name, kManyEntries), [field](Message& message) {
      const auto* reflection = message.GetReflection();
      for (int i = 0; i < kManyEntries; ++i) {
        switch (field->cpp_type()) {
          case FieldDescriptor::CPPTYPE_MESSAGE:
            AddOne(*reflection->AddMessage(&message, field), i);
            break;
          case FieldDescriptor::CPPTYPE_STRING:
            reflection->AddString(&message, field, fmt::format("/fuzz/{}", i));
            break;
          case FieldDescriptor::CPPTYPE_INT64: reflection->AddInt64(&message, field, i); break;
          case FieldDescriptor::CPPTYPE_INT32: reflection->AddInt32(&message, field, i); break;
          case FieldDescriptor::CPPTYPE_ENUM:
            reflection->AddEnumValue(&message, field, field->enum_type()->value(0)->number());
            break;
          default: return;
        }
      }
    });
  }

  // Entries of a map need keys that differ.
  static void AddOne(Message& entry, int i) {
    const FieldDescriptor* key = entry.GetDescriptor()->FindFieldByName("key");
    if (key != nullptr && key->cpp_type() == FieldDescriptor::CPPTYPE_STRING)
      entry.GetReflection()->SetString(&entry, key, fmt::format("key{}", i));
  }

  std::vector<Mutation> mutations_;
};

void ScrambleTo(Message& message, Random& random, int depth) {
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    if (!random.OneIn(3)) continue;
    if (field->message_type() != nullptr) {
      if (depth < kMaxNesting) ScrambleTo(Enter(message, field), random, depth + 1);
      continue;
    }
    std::vector<std::function<void(Message&)>> setters;
    ForEachValue(*field, [&](const std::string&, auto set) { setters.emplace_back(set); });
    setters[random.Below(setters.size())](message);
  }
}

}  // namespace

std::unique_ptr<Message> NewMessage(const Descriptor& type) {
  std::unique_ptr<Message> message(MessageFactory::generated_factory()->GetPrototype(&type)->New());
  FillRequired(*message);
  return message;
}

std::vector<Mutation> MutationsOf(const Descriptor& type) {
  Collector collector;
  collector.Visit(type, {}, "");
  return collector.Take();
}

void Scramble(Message& message, Random& random) {
  ScrambleTo(message, random, 0);
}

std::vector<std::string> SpoiledBytes(const std::string& good, Random& random) {
  std::vector<std::string> spoiled = {
      Repeat("\x0b", 100'000),            // field 1 as a group in a group in a group ...
      Repeat("\x7b", 100'000),            // the same with field 15, which few messages have
      good + "\x0a\xff\xff\xff\xff\x07",  // 2 GiB follow
      good + "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  // -1 bytes follow
      good + std::string("\x00\x00", 2),                      // field 0
      good + "\x0f",                                          // wire type 7
      good + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",  // a varint that does not end
  };
  for (size_t length = 0; length < good.size(); length += 1 + random.Below(8))
    spoiled.push_back(good.substr(0, length));
  for (int i = 0; i < 6; ++i) {
    std::string bytes = good;
    if (bytes.empty()) break;
    for (int flips = 0; flips < 3; ++flips)
      bytes[random.Below(bytes.size())] ^= static_cast<char>(1 << random.Below(8));
    spoiled.push_back(std::move(bytes));
  }
  for (int i = 0; i < 6; ++i) {
    std::string bytes(1 + random.Below(200), '\0');
    for (char& c : bytes) c = static_cast<char>(random.Next());
    spoiled.push_back(std::move(bytes));
  }
  return spoiled;
}

}  // namespace headpond::testing
