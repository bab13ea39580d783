#include "operator/apiserver/store/database.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "base/unique_fd.h"

namespace headpond::apiserver {
namespace {

// SQLite would create the file with the umask's permissions; its WAL takes those of the file.
Status CreatePrivately(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  return fd.valid() ? Status::Ok() : ErrnoStatus(errno, path);
}

}  // namespace

Result<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  RETURN_IF_ERROR(CreatePrivately(path));
  sqlite3* handle = nullptr;
  const int code = ::sqlite3_open_v2(path.c_str(), &handle,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(handle));
  if (code != SQLITE_OK) return database->Fail(code, path);
  // Exclusive: two servers on one file would each number versions on their own. The lock is the
  // kernel's, so it ends with the process. WAL's index then lives in memory.
  RETURN_IF_ERROR(database->Execute("PRAGMA locking_mode=EXCLUSIVE").WithContext(path));
  RETURN_IF_ERROR(database->Execute("PRAGMA journal_mode=WAL").WithContext(path));
  RETURN_IF_ERROR(database->Execute("PRAGMA synchronous=FULL").WithContext(path));
  RETURN_IF_ERROR(database->Execute("BEGIN EXCLUSIVE; COMMIT").WithContext(path));
  return database;
}

Database::~Database() {
  ::sqlite3_close(handle_);
}

Status Database::Fail(int code, std::string_view what) const {
  const char* const text = handle_ != nullptr ? ::sqlite3_errmsg(handle_) : ::sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Unavailable("{}: {} (another server uses it)", what, text);
    case SQLITE_FULL:
    case SQLITE_NOMEM: return ResourceExhausted("{}: {}", what, text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Status(Code::kDataLoss, fmt::format("{}: {}", what, text));
    case SQLITE_READONLY:
    case SQLITE_PERM: return PermissionDenied("{}: {}", what, text);
    default: return Internal("{}: {}", what, text);
  }
}

Status Database::Execute(const std::string& sql) {
  const int code = ::sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status::Ok() : Fail(code, "SQLite");
}

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = ::sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Fail(code, "SQLite");
  return Statement(this, statement);
}

Statement::~Statement() {
  ::sqlite3_finalize(handle_);
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), handle_(std::exchange(other.handle_, nullptr)) {}

// Binding fails for indexes out of range only, which is a mistake in the SQL beside it; Step then
// stores NULL into a NOT NULL column and fails.
void Statement::Bind(int index, std::string_view text) {
  const char* const bytes = text.empty() ? "" : text.data();  // a null pointer would mean NULL
  ::sqlite3_bind_text64(handle_, index + 1, bytes, text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::Bind(int index, int64_t number) {
  ::sqlite3_bind_int64(handle_, index + 1, number);
}

void Statement::BindNull(int index) {
  ::sqlite3_bind_null(handle_, index + 1);
}

Result<bool> Statement::Step() {
  const int code = ::sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->Fail(code, "SQLite");
}

Status Statement::Run() {
  const auto row = Step();
  Reset();
  return row.status();
}

void Statement::Reset() {
  ::sqlite3_reset(handle_);
}

std::string_view Statement::Text(int column) const {
  const auto* const bytes = reinterpret_cast<const char*>(::sqlite3_column_text(handle_, column));
  return bytes == nullptr
             ? std::string_view()
             : std::string_view(bytes,
                                static_cast<size_t>(::sqlite3_column_bytes(handle_, column)));
}

int64_t Statement::Number(int column) const {
  return ::sqlite3_column_int64(handle_, column);
}

bool Statement::IsNull(int column) const {
  return ::sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

}  // namespace headpond::apiserver
