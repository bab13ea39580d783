#include "operator/controller/one_time_objects.h"

#include <nlohmann/json.hpp>
#include <string>

#include "base/log.h"
#include "operator/controller/object_json.h"

namespace headpond::controller {
namespace {

using nlohmann::json;

// What people follow.
std::string Summary(const json& status) {
  if (!status.is_object()) return "";
  const std::string step = status.value("step", "");
  return status.value("phase", "") + (step.empty() ? "" : " " + step);
}

}  // namespace

bool ReportStatus(OneTimeObjects& objects, std::string_view noun, const json& object,
                  const json& status, const std::vector<Notice>& notices) {
  const json& before = Member(object, "status");
  if (status == before) return true;
  const std::string component = fmt::format("{}s", noun);
  const json& metadata = object.at("metadata");
  const std::string name = metadata.value("namespace", "") + "/" + metadata.value("name", "");
  const Status written = objects.WriteStatus(object, status);
  if (!written.ok()) {
    LogWarn(component, "cannot write the status of {} {}: {}", noun, name, written.message());
    return false;
  }
  if (const std::string now = Summary(status); now != Summary(before))
    LogInfo(component, "{} {} is {}", noun, name, now);
  for (const Notice& notice : notices) objects.Tell(object, notice);
  return true;
}

}  // namespace headpond::controller
