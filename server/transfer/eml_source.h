// EmlSource: a tree of folders with .eml files, or a single one. Beside files of an export stands
// its manifest, which says flags, keywords and dates.
#pragma once

#include <memory>

#include "server/transfer/file.h"
#include "server/transfer/item.h"
#include "server/transfer/manifest.h"

namespace hauspost::transfer {

class EmlSource final : public Source {
 public:
  static Result<std::unique_ptr<Source>> open(const std::string& path, Limits limits);

  Result<bool> next(Item& item) override;
  std::string position() const override;
  Result<> resume(std::string_view position) override;
  std::uint64_t bytes_total() const override { return bytes_total_; }
  std::uint64_t bytes_done() const override { return bytes_done_; }

 private:
  struct Box {
    std::string path;
    std::string name;
    std::string folder;
  };
  EmlSource(std::string root, Limits limits) : root_(std::move(root)), limits_(limits) {}
  Result<> list_boxes(const std::string& path, const std::string& folder, int depth);
  Result<> open_box();
  Result<> find_in_manifest(std::string_view name);
  Result<> read(const std::string& name, Item& item);

  const std::string root_;
  const Limits limits_;
  std::vector<Box> boxes_;
  std::size_t at_ = 0;
  bool opened_ = false;
  std::vector<std::string> names_;  // of the open box, rising
  std::size_t next_name_ = 0;
  std::string after_;
  File manifest_file_;
  std::unique_ptr<LineReader> manifest_;  // null: there is none
  std::optional<ManifestEntry> entry_;    // the line that was last read
  std::uint64_t bytes_total_ = 0;
  std::uint64_t bytes_done_ = 0;
};

// What both sources of .eml files make of one: everything but `where` and `folder`. `entry` may be
// null; `changed_s` is the file's own time.
void make_eml_item(std::string body, const ManifestEntry* entry, std::int64_t changed_s,
                   Item& item);

}  // namespace hauspost::transfer
