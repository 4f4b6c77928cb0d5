#include "tools/cli/csv.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace hauspost::cli {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kColumns[] = {"address", "password", "display_name", "database",
                                         "aliases"};

class CsvReader {
 public:
  CsvReader(std::string_view text, const CsvLimits& limits) : text_(text), limits_(limits) {}

  bool at_end() const { return at_ >= text_.size(); }

  Result<CsvRecord> record() {
    CsvRecord out{line_, {}};
    for (;;) {
      if (out.fields.size() >= limits_.fields_max) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("line {}: more than {} fields", out.line, limits_.fields_max));
      }
      TRY_ASSIGN(std::string next, field());
      out.fields.push_back(std::move(next));
      if (at_end()) return out;
      if (take_line_end()) return out;
      ++at_;  // the comma: field() stops nowhere else
    }
  }

 private:
  Result<std::string> field() {
    if (!at_end() && text_[at_] == '"') return quoted();
    const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    std::string out(text_.substr(at_, end - at_));
    at_ = end;
    if (!at_end() && text_[at_] == '\r' && !text_.substr(at_).starts_with("\r\n")) {
      return fail(ErrorCode::kInvalid, fmt::format("line {}: a lone carriage return", line_));
    }
    return out;
  }

  Result<std::string> quoted() {
    const std::size_t opened = line_;
    std::string out;
    for (++at_; !at_end(); ++at_) {
      if (text_[at_] != '"') {
        if (text_[at_] == '\n') ++line_;
        out += text_[at_];
      } else if (text_.substr(at_).starts_with("\"\"")) {
        out += '"';
        ++at_;
      } else {
        ++at_;
        if (at_end() || text_[at_] == ',' || text_[at_] == '\n' ||
            text_.substr(at_).starts_with("\r\n")) {
          return out;
        }
        return fail(ErrorCode::kInvalid,
                    fmt::format("line {}: text behind a closing quote", line_));
      }
    }
    return fail(ErrorCode::kInvalid, fmt::format("line {}: a quote that never ends", opened));
  }

  bool take_line_end() {
    if (text_[at_] == '\r') ++at_;
    if (text_[at_] != '\n') return false;
    ++at_;
    ++line_;
    return true;
  }

  std::string_view text_;
  const CsvLimits& limits_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

// For each field of the header the index of its column in kColumns.
Result<std::vector<std::size_t>> header_columns(const CsvRecord& header) {
  std::vector<std::size_t> out;
  for (const std::string& field : header.fields) {
    const std::string name = ascii_lower(trim(field));
    const auto* const found = std::ranges::find(kColumns, name);
    if (found == std::end(kColumns)) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("line {}: unknown column \"{}\"; the header may name {}", header.line,
                              escape_for_log(name), fmt::join(kColumns, ", ")));
    }
    const auto index = static_cast<std::size_t>(found - std::begin(kColumns));
    if (std::ranges::find(out, index) != out.end()) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("line {}: column {} stands twice", header.line, name));
    }
    out.push_back(index);
  }
  if (std::ranges::find(out, 0U) == out.end()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("line {}: the header must name the column address", header.line));
  }
  return out;
}

MailboxRow mailbox_row(const CsvRecord& record, const std::vector<std::size_t>& columns) {
  MailboxRow row;
  row.line = record.line;
  if (record.fields.size() != columns.size()) {
    row.error = fmt::format("fields: {}, the header has {}", record.fields.size(), columns.size());
    return row;
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string& value = record.fields[i];
    // A wire message must be UTF-8: one bad row may not take its whole batch along.
    if (!is_valid_utf8(value)) row.error = fmt::format("{} is not UTF-8", kColumns[columns[i]]);
    switch (columns[i]) {
      case 0: row.address = trim(value); break;
      case 1: row.password = value; break;
      case 2: row.display_name = trim(value); break;
      case 3: row.database = trim(value); break;
      default:
        for (const std::string_view alias : split(value, ' ')) {
          if (!alias.empty()) row.aliases.emplace_back(alias);
        }
    }
  }
  if (row.address.empty()) row.error = "no address";
  return row;
}

}  // namespace

Result<std::vector<CsvRecord>> parse_csv(std::string_view text, const CsvLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return fail(ErrorCode::kInvalid, fmt::format("more than {} bytes", limits.bytes_max));
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  CsvReader reader(text, limits);
  std::vector<CsvRecord> out;
  while (!reader.at_end()) {
    TRY_ASSIGN(CsvRecord record, reader.record());
    if (record.fields.size() > 1 || !record.fields.front().empty())
      out.push_back(std::move(record));
  }
  return out;
}

std::string csv_field(std::string_view value) {
  if (value.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(value);
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

Result<std::vector<MailboxRow>> mailbox_rows(const std::vector<CsvRecord>& records) {
  if (records.empty())
    return fail(ErrorCode::kInvalid, "the file is empty: it needs a header line");
  TRY_ASSIGN(const auto columns, header_columns(records.front()));
  std::vector<MailboxRow> out;
  for (std::size_t i = 1; i < records.size(); ++i) {
    out.push_back(mailbox_row(records[i], columns));
  }
  return out;
}

}  // namespace hauspost::cli
