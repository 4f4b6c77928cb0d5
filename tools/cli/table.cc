#include "tools/cli/table.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <optional>

#include "base/check.h"
#include "base/text.h"

namespace hauspost::cli {

namespace {

constexpr std::string_view kGap = "  ";
constexpr std::string_view kEllipsis = "…";
constexpr std::size_t kTextColumnMin = 8;

struct Character {
  std::size_t bytes = 1;
  char32_t code = 0;
};

// The first character of well-formed UTF-8; nullopt when the bytes are not that.
std::optional<Character> first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (length > text.size() || !is_valid_utf8(text.substr(0, length))) return std::nullopt;
  if (length == 1) return Character{1, lead};
  char32_t code = lead & (0x7fU >> length);
  for (const char c : text.substr(1, length - 1)) {
    code = (code << 6) | (static_cast<unsigned char>(c) & 0x3fU);
  }
  return Character{length, code};
}

bool is_control(char32_t code) { return code < 0x20 || (code >= 0x7f && code < 0xa0); }

std::size_t columns_of(char32_t code) {
  // wcwidth() speaks for the program's locale; Debian always has C.UTF-8.
  static const bool utf8 = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;
  const int width = utf8 ? ::wcwidth(static_cast<wchar_t>(code)) : 1;
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

// Nearly all that lists show: ASCII without controls, a column each.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

std::string pad(const std::string& cell, std::size_t width, bool right) {
  std::string shown = cell;
  if (display_width(cell) > width) {
    shown = std::string(cut_to_width(cell, width - 1)) + std::string(kEllipsis);
  }
  const std::string spaces(width - std::min(width, display_width(shown)), ' ');
  return right ? spaces + shown : shown + spaces;
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  HP_CHECK(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::fitted_widths(std::size_t width) const {
  std::vector<std::size_t> widths;
  std::size_t total = kGap.size() * (columns_.size() - 1);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = display_width(columns_[i].title);
    for (const auto& row : rows_) widest = std::max(widest, display_width(row[i]));
    widths.push_back(widest);
    total += widest;
  }
  while (width > 0 && total > width) {
    std::size_t* widest = nullptr;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].number || widths[i] <= kTextColumnMin) continue;
      if (widest == nullptr || widths[i] > *widest) widest = &widths[i];
    }
    if (widest == nullptr) break;  // nothing left to cut: let the terminal wrap
    --*widest;
    --total;
  }
  return widths;
}

std::string Table::render(std::size_t width) const {
  const auto widths = fitted_widths(width);
  std::string out;
  const auto add_line = [&](auto&& cell_at) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) line += kGap;
      line += pad(cell_at(i), widths[i], columns_[i].number);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  add_line([&](std::size_t i) { return columns_[i].title; });
  for (const auto& row : rows_) add_line([&](std::size_t i) { return row[i]; });
  return out;
}

std::size_t terminal_width() {
  if (::isatty(STDOUT_FILENO) == 0) return 0;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string printable(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const auto character = first_character(text);
    const std::size_t bytes = character ? character->bytes : 1;
    if (character && !is_control(character->code)) {
      out += text.substr(0, bytes);
    } else {
      for (const char c : text.substr(0, bytes)) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    }
    text.remove_prefix(bytes);
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  if (is_plain(text)) return text.size();
  std::size_t width = 0;
  while (!text.empty()) {
    const auto character = first_character(text);
    width += character ? columns_of(character->code) : 1;
    text.remove_prefix(character ? character->bytes : 1);
  }
  return width;
}

std::string_view cut_to_width(std::string_view text, std::size_t width) {
  std::size_t end = 0;
  while (end < text.size()) {
    const auto character = first_character(text.substr(end));
    const std::size_t columns = character ? columns_of(character->code) : 1;
    if (columns > width) break;
    width -= columns;
    end += character ? character->bytes : 1;
  }
  return text.substr(0, end);
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 1023.95 would round to "1024.0": step up where the rounded figure would need a fourth digit.
  while (value >= 1023.5 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  if (unit == 0 || value >= 9.95) return fmt::format("{:.0f} {}", value, kUnits[unit]);
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string human_seconds(std::int64_t seconds) {
  if (seconds < 0) seconds = 0;
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m {}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h {}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d {}h", seconds / 86400, seconds / 3600 % 24);
}

std::string human_time(std::int64_t unix_s) {
  if (unix_s == 0) return "-";
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(static_cast<std::time_t>(unix_s)));
}

}  // namespace hauspost::cli
