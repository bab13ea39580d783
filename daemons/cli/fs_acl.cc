// fs getfacl, setfacl
#include "cli/acl_text.h"
#include "cli/file_text.h"
#include "cli/fs_commands.h"

namespace headpond::cli {
namespace {

using client::AclEntry;
using client::SetAclAction;

Result<int> GetFacl(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(
      ForEachPath(*fs, call.positional().front(), [&](const std::string& path) -> Status {
        ASSIGN_OR_RETURN(const client::FileInfo info, fs->GetStatus(path));
        std::vector<std::string> texts = AclTexts(EffectiveAcl(info));
        if (info.default_acl)
          for (std::string& text : AclTexts(*info.default_acl)) texts.push_back(std::move(text));
        if (call.output != OutputFormat::kText) {
          Document entries = Document::EmptyList();
          for (const std::string& text : texts) entries.Add(text);
          PrintDocument(call.out(), call.output,
                        Document::EmptyMap()
                            .Set("path", info.path)
                            .Set("owner", info.owner)
                            .Set("group", info.group)
                            .Set("acl", std::move(entries)));
          return Status::Ok();
        }
        call.out().Line("# file: {}\n# owner: {}\n# group: {}", info.path, info.owner, info.group);
        for (const std::string& text : texts) call.out().Line("{}", text);
        return Status::Ok();
      }));
  return kExitOk;
}

struct AclChange {
  SetAclAction action;
  std::vector<AclEntry> entries;
};

Result<AclChange> ParseChange(const Args& args) {
  AclChange change;
  if (const auto text = args.Value("set")) {
    change.action = SetAclAction::kReplace;
    ASSIGN_OR_RETURN(change.entries, ParseAclEntries(*text, /*with_permissions=*/true));
  } else if (const auto text = args.Value("m")) {
    change.action = SetAclAction::kModify;
    ASSIGN_OR_RETURN(change.entries, ParseAclEntries(*text, /*with_permissions=*/true));
  } else if (const auto text = args.Value("x")) {
    change.action = SetAclAction::kRemove;
    ASSIGN_OR_RETURN(change.entries, ParseAclEntries(*text, /*with_permissions=*/false));
  } else if (args.Has("b")) {
    change.action = SetAclAction::kRemoveAll;
  } else if (args.Has("k")) {
    change.action = SetAclAction::kRemoveDefault;
  } else {
    return InvalidArgument("No actions specified.");
  }
  if (args.Has("d"))
    for (AclEntry& entry : change.entries) entry.is_default = true;
  return change;
}

Result<int> SetFacl(Call& call) {
  ASSIGN_OR_RETURN(const AclChange change, ParseChange(call.args));
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(ForEachPath(*fs, call.positional().front(), [&](const std::string& path) {
    return fs->SetAcl(path, change.action, change.entries, call.args.Has("R"));
  }));
  return kExitOk;
}

}  // namespace

std::vector<Command> AclCommands() {
  return {
      {.name = "getfacl",
       .usage = "getfacl <path>",
       .help = "Shows the access control list of a path.",
       .examples = "  headpond fs getfacl /data",
       .min_args = 1,
       .max_args = 1,
       .structured = true,
       .run = GetFacl},
      {.name = "setfacl",
       .usage = "setfacl [-d] [-R] [--set | -m | -x <acl_entries> <path>] | [-b | -k <path>]",
       .help = "Changes the access control list of a path. Entries: "
               "[default:]user|group|mask|other:[name]:rwx,...",
       .examples = "  headpond fs setfacl -m user:alice:rwx,group:etl:r-x /data\n"
                   "  headpond fs setfacl -R -x user:alice /data\n"
                   "  headpond fs setfacl -d -m user:bob:r-x /data   # for what is created below",
       .min_args = 1,
       .max_args = 1,
       .options = {{.letter = "d", .help = "the entries are defaults for new children"},
                   {.letter = "R", .help = "everything below, too"},
                   {.name = "set", .value = "entries", .help = "replace the whole list"},
                   {.letter = "m", .value = "entries", .help = "add or change entries"},
                   {.letter = "x",
                    .value = "entries",
                    .help = "remove entries (without permissions)"},
                   {.letter = "b", .help = "remove all but the three basic entries"},
                   {.letter = "k", .help = "remove the defaults"}},
       .run = SetFacl},
  };
}

}  // namespace headpond::cli
