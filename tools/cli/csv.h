// The CSV that `hauspost mailbox create --csv` reads: RFC 4180 with a header line. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hauspost::cli {

struct CsvLimits {
  std::size_t bytes_max = 64 << 20;
  std::size_t fields_max = 32;
};

struct CsvRecord {
  std::size_t line = 0;  // 1-based line on which the record starts
  std::vector<std::string> fields;
};

// Records in order; lines may end in CRLF or LF, quoted fields may hold both; empty lines are
// skipped; a byte order mark at the start is dropped. kInvalid names the line: a quote that never
// ends, text behind a closing quote, a limit passed.
Result<std::vector<CsvRecord>> parse_csv(std::string_view text, const CsvLimits& limits = {});

// One field as it stands in a CSV: quoted when it must be.
std::string csv_field(std::string_view value);

struct MailboxRow {
  std::size_t line = 0;
  std::string address;
  std::string password;
  std::string display_name;
  std::string database;
  std::vector<std::string> aliases;
  std::string error;  // not empty: this row cannot be used, and why
};

// The header names the columns, in any order: address (required), password, display_name, database,
// aliases (separated by spaces). A row with another number of fields, without an address or with
// bytes that are not UTF-8 comes back with its `error`; kInvalid when the header is wrong.
Result<std::vector<MailboxRow>> mailbox_rows(const std::vector<CsvRecord>& records);

}  // namespace hauspost::cli
