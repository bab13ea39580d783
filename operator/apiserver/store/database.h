#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace headpond::apiserver {

class Statement;

// One SQLite file in WAL mode with synchronous=FULL: a committed transaction is on disk when
// Execute or Step of its COMMIT returns, whatever is killed later. Thread compatible: one thread at
// a time.
class Database {
 public:
  // Creates the file (readable by its owner only) if need be; its folder must exist. Unavailable
  // when another process has it open; DataLoss when it is no database of ours.
  static Result<std::unique_ptr<Database>> Open(const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Statements without parameters or rows.
  Status Execute(const std::string& sql);
  Result<Statement> Prepare(std::string_view sql);

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  Status Fail(int code, std::string_view what) const;
  friend class Statement;

  sqlite3* handle_;
};

// A prepared statement; lives shorter than its Database. Parameters and columns count from 0.
class Statement {
 public:
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;

  // The text must live until Reset.
  void Bind(int index, std::string_view text);
  void Bind(int index, int64_t number);
  void BindNull(int index);

  // True when there is a row to read.
  Result<bool> Step();
  // Step for statements without rows, then Reset.
  Status Run();
  void Reset();

  std::string_view Text(int column) const;  // valid until the next Step or Reset
  int64_t Number(int column) const;
  bool IsNull(int column) const;

 private:
  friend class Database;
  Statement(Database* database, sqlite3_stmt* handle) : database_(database), handle_(handle) {}

  Database* database_;
  sqlite3_stmt* handle_;
};

}  // namespace headpond::apiserver
