// One section of hauspost.toml, for the rooms that read them; private to server/supervisor.
#pragma once

#define TOML_EXCEPTIONS 0
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/supervisor/settings.h"

namespace hauspost::supervisor {

inline std::unexpected<Error> wrong(const toml::source_region& where, std::string text) {
  return fail(ErrorCode::kInvalid,
              fmt::format("{} line {}: {}", kSettingsFile, where.begin.line, std::move(text)));
}

// One table of the file. Every key must be asked for, or finish() refuses the first that was not.
class Section {
 public:
  // `name` is "auth", or "auth.ldap" for the table "ldap" of `file`, which is then "auth".
  static Result<Section> open(const toml::table& file, std::string name) {
    const toml::node* node = file.get(std::string_view(name).substr(name.rfind('.') + 1));
    if (node == nullptr) return Section(nullptr, std::move(name));
    const toml::table* table = node->as_table();
    if (table == nullptr) return wrong(node->source(), name + " must be a section: [" + name + "]");
    return Section(table, std::move(name));
  }

  const toml::node* find(std::string_view key) {
    known_.emplace_back(key);
    return table_ == nullptr ? nullptr : table_->get(key);
  }

  Result<std::optional<std::string>> text(std::string_view key) {
    const toml::node* node = find(key);
    if (node == nullptr) return std::optional<std::string>();
    const auto value = node->value_exact<std::string>();
    if (!value) return wrong(node->source(), full(key) + " must be a text in quotes");
    return std::optional(*value);
  }

  Result<> finish() const {
    if (table_ == nullptr) return {};
    for (const auto& [key, node] : *table_) {
      if (std::ranges::find(known_, key.str()) == known_.end()) {
        return wrong(key.source(), fmt::format("unknown key {} (known here: {})", full(key.str()),
                                               fmt::join(known_, ", ")));
      }
    }
    return {};
  }

  // Null: the file has no such section.
  const toml::table* table() const { return table_; }
  std::string full(std::string_view key) const { return name_ + "." + std::string(key); }

 private:
  Section(const toml::table* table, std::string name) : table_(table), name_(std::move(name)) {}

  const toml::table* table_;
  std::string name_;
  std::vector<std::string> known_;
};

}  // namespace hauspost::supervisor
