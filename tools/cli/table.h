// Tables that fit the terminal, and numbers as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost::cli {

struct Column {
  std::string title;
  bool number = false;  // right-aligned and never cut
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: as many cells as columns.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // Lines end in "\n". When they would be wider than `width` columns (0: no limit), the widest
  // text columns are cut with "…"; numbers stay whole.
  std::string render(std::size_t width) const;

 private:
  std::vector<std::size_t> fitted_widths(std::size_t width) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Columns of the terminal on standard output; 0 when it is not one.
std::size_t terminal_width();

// Text that cannot move the cursor or change colours: controls and bytes that are not UTF-8 become
// \xNN.
std::string printable(std::string_view text);
// Columns that printable UTF-8 takes on a terminal.
std::size_t display_width(std::string_view text);
// The longest start of `text` that takes at most `width` columns.
std::string_view cut_to_width(std::string_view text, std::size_t width);

std::string human_bytes(std::uint64_t bytes);     // "0 B", "1.5 KiB", "12 MiB"
std::string human_seconds(std::int64_t seconds);  // "7s", "3m 4s", "2h 5m", "3d 1h"
std::string human_time(std::int64_t unix_s);      // "2013-11-21 19:14" in local time; "-" for 0

}  // namespace hauspost::cli
