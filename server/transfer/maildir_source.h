// MaildirSource: a Maildir with its Maildir++ folders (".Archive.2013"), or a tree of folders that
// each hold cur, new and tmp. It may be in use meanwhile: a message that changes its flags or goes
// from new to cur is imported once.
#pragma once

#include <deque>
#include <memory>

#include "server/transfer/item.h"
#include "server/transfer/maildir_name.h"

namespace hauspost::transfer {

class MaildirSource final : public Source {
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
    std::string name;    // of its folder below the source; "." for the source itself
    std::string folder;  // "" for the source itself
  };
  struct Entry {
    std::string name;    // of the file
    bool fresh = false;  // in new/
    std::string_view base() const { return std::string_view(name).substr(0, name.find(":2,")); }
  };
  MaildirSource(std::string root, Limits limits) : root_(std::move(root)), limits_(limits) {}
  Result<> list_boxes(const std::string& path, const std::string& folder, int depth);
  Result<> open_box();
  Result<> add_entries(const std::string& path, bool fresh);
  void read(const Entry& entry, Item& item);

  const std::string root_;
  const Limits limits_;
  std::vector<Box> boxes_;
  std::size_t at_ = 0;
  bool opened_ = false;
  std::deque<Entry> entries_;  // of the open box, those left
  std::string after_;          // base of the last message; resume: those up to it are done
  MaildirKeywords keywords_;
  std::uint64_t bytes_total_ = 0;
  std::uint64_t bytes_done_ = 0;
};

}  // namespace hauspost::transfer
