// `headpond image` as a user calls it, against an engine that answers from a table.
#include "cli/image_commands.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/main.h"
#include "http/http_server.h"
#include "testing/temp_directory.h"

namespace headpond::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A sink that says it is a terminal, or not.
class WatchedSink final : public Sink {
 public:
  explicit WatchedSink(bool watched) : watched_(watched) {}
  void Write(std::string_view text) override { text_ += text; }
  bool is_terminal() const override { return watched_; }
  const std::string& text() const { return text_; }

 private:
  const bool watched_;
  std::string text_;
};

// Each look at the time is a second later, so that a bar is drawn at every step.
class TickingClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point Now() const override {
    return now_ += std::chrono::seconds(1);
  }
  int64_t NowMs() const override { return 0; }

 private:
  mutable std::chrono::steady_clock::time_point now_;
};

struct Outcome {
  int exit_code = 0;
  std::string out, err;
};

class ImageCommandsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.HandleAll([this](const http::Request& request) -> Result<http::Response> {
      asked_.push_back(request.method + " " + request.path);
      const auto found = answers_.find(request.path);
      return found == answers_.end()
                 ? http::Response{.status = 404, .body = R"({"message":"no such image"})"}
                 : http::Response{.body = found->second};
    });
    const auto started = server_.Start();
    ASSERT_TRUE(started.ok()) << started.status().ToString();
  }

  Outcome Run(std::vector<std::string> words, bool watched = false) {
    WatchedSink out(false), err(watched);
    Host host{.out = out, .err = err, .environment = environment_, .clock = clock_};
    const int exit_code = ImageMain(words, host);
    return {exit_code, out.text(), err.text()};
  }

  TempDirectory folder_;
  TickingClock clock_;
  std::map<std::string, std::string> environment_{{"DOCKER_HOST", "unix://" + folder_ / "engine"},
                                                  {"DOCKER_CONFIG", folder_.path()}};
  std::map<std::string, std::string> answers_{
      {"/images/json",
       R"([{"Id":"sha256:0123456789abcdef","RepoTags":["b:2","a:1"],"Size":2048,"Created":7}])"}};
  std::vector<std::string> asked_;
  http::HttpServer server_{{.unix_socket = folder_ / "engine"}};
};

TEST_F(ImageCommandsTest, ListsByNameAsTextOrJson) {
  const Outcome text = Run({"ls"});
  EXPECT_EQ(text.exit_code, kExitOk);
  EXPECT_EQ(text.out,
            "REPOSITORY  TAG  ID            SIZE\n"
            "a           1    0123456789ab  2048B\n"
            "b           2    0123456789ab  2048B\n");
  const auto json = nlohmann::json::parse(Run({"ls", "-o", "json"}).out);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0], nlohmann::json({{"repository", "a"},
                                     {"tag", "1"},
                                     {"id", "0123456789ab"},
                                     {"sizeBytes", 2048},
                                     {"createdMs", 7000}}));
}

TEST_F(ImageCommandsTest, PushNamesTheImageForTheRegistryFirst) {
  answers_["/images/a:1/tag"] = "";
  answers_["/images/r.example:5000/a/push"] = R"({"aux":{"Digest":"sha256:d"}})";
  const Outcome pushed = Run({"push", "--as", "r.example:5000/a:1", "a:1"});
  EXPECT_EQ(pushed.exit_code, kExitOk) << pushed.out;
  EXPECT_EQ(pushed.out, "pushed r.example:5000/a:1 (sha256:d)\n");
  EXPECT_THAT(asked_,
              ::testing::ElementsAre("POST /images/a:1/tag", "POST /images/r.example:5000/a/push"));
}

TEST_F(ImageCommandsTest, AUserNeedsThePasswordInItsVariable) {
  const Outcome missing = Run({"pull", "--user", "me", "r.example/a"});
  EXPECT_EQ(missing.exit_code, kExitError);
  EXPECT_THAT(missing.out, HasSubstr("HEADPOND_REGISTRY_PASSWORD"));
  EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(ImageCommandsTest, TheEnginesErrorIsToldWithTheImage) {
  const Outcome failed = Run({"pull", "r.example/a"});
  EXPECT_EQ(failed.exit_code, kExitError);
  EXPECT_THAT(failed.out, AllOf(HasSubstr("cannot pull r.example/a:latest"), HasSubstr("no such")));
}

TEST_F(ImageCommandsTest, DrawsABarOnlyWhereSomebodyWatches) {
  answers_["/images/create"] =
      "{\"status\":\"Downloading\",\"id\":\"l\",\"progressDetail\":{\"current\":1,\"total\":4}}\n"
      "{\"status\":\"Download complete\",\"id\":\"l\"}\n";
  EXPECT_THAT(Run({"pull", "r.example/a"}, /*watched=*/false).err, IsEmpty());
  EXPECT_THAT(Run({"pull", "r.example/a"}, /*watched=*/true).err,
              AllOf(HasSubstr("25% 1B of 4B"), HasSubstr("s left"), HasSubstr("100%")));
}

TEST_F(ImageCommandsTest, AnArchiveAppearsOnlyWhenItIsWhole) {
  const std::string path = folder_ / "a.tar";
  const Outcome failed = Run({"save", "-f", path, "a:1"});
  EXPECT_EQ(failed.exit_code, kExitError);
  EXPECT_THAT(failed.out, HasSubstr("no such image"));
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
  answers_["/images/get"] = "the archive";
  EXPECT_EQ(Run({"save", "-f", path, "a:1"}).exit_code, kExitOk);
  EXPECT_EQ(std::filesystem::file_size(path), 11u);
}

TEST_F(ImageCommandsTest, LoadTellsWhatCame) {
  const std::string path = folder_ / "a.tar";
  std::ofstream(path) << "the archive";
  answers_["/images/load"] = "{\"stream\":\"Loaded image: a:1\\n\"}";
  EXPECT_EQ(Run({"load", "-f", path}).out, "Loaded image: a:1\n");
  const Outcome missing = Run({"load", "-f", folder_ / "none"});
  EXPECT_EQ(missing.exit_code, kExitError);
  EXPECT_THAT(missing.out, HasSubstr("none"));
}

TEST_F(ImageCommandsTest, WrongWordsAreRefusedBeforeAnythingIsAsked) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"push"},
                                             {"push", "a b"},
                                             {"push", "a@sha256:1"},
                                             {"pull", "A"},
                                             {"save", "a"},
                                             {"search", "x"},
                                             {"ls", "-o", "xml"},
                                             {"push", "--registry", "r/../x", "a"}})
    EXPECT_EQ(Run(words).exit_code, kExitError) << words.back();
  EXPECT_EQ(Run({"frob"}).exit_code, kExitError);
  EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(ImageCommandsTest, AnUnreachableEngineIsNamed) {
  environment_["DOCKER_HOST"] = "unix:///no/such/engine";
  EXPECT_THAT(Run({"ls"}).out, HasSubstr("/no/such/engine"));
  environment_["DOCKER_HOST"] = "ssh://host";
  EXPECT_THAT(Run({"ls"}).out, HasSubstr("DOCKER_HOST=ssh://host"));
}

TEST_F(ImageCommandsTest, EachCommandHelpsWithExamples) {
  for (const Command& command : ImageCommands()) {
    const Outcome help = Run({std::string(command.name), "--help"});
    EXPECT_EQ(help.exit_code, kExitOk);
    EXPECT_THAT(help.out, HasSubstr("Examples:\n  ")) << command.name;
  }
  EXPECT_THAT(asked_, IsEmpty());
}

}  // namespace
}  // namespace headpond::cli
