// MboxSource: one mbox file, or a tree of them as Thunderbird (NAME and NAME.sbd/), Apple Mail
// (NAME.mbox/mbox) and mutt (folders of files) keep it.
#pragma once

#include <memory>

#include "server/transfer/mbox_reader.h"

namespace hauspost::transfer {

class MboxSource final : public Source {
 public:
  // Messages of a single file are at the source's top unless it names their folders. kNotFound,
  // kDenied; kInvalid: nothing there is an mbox file.
  static Result<std::unique_ptr<Source>> open(const std::string& path, Limits limits);

  Result<bool> next(Item& item) override;
  std::string position() const override;
  Result<> resume(std::string_view position) override;
  std::uint64_t bytes_total() const override { return bytes_total_; }
  std::uint64_t bytes_done() const override;

 private:
  struct Box {
    std::string path;
    std::string name;  // below the source, for people and positions
    std::string folder;
    std::uint64_t before = 0;  // bytes of the boxes in front of it
    std::uint64_t size = 0;
    std::string bad;  // why it cannot be read
  };
  MboxSource(std::string root, Limits limits) : root_(std::move(root)), limits_(limits) {}
  Result<> list(const std::string& path, const std::string& folder, int depth);
  void add_box(const std::string& path, const std::string& folder, bool surely);
  Result<> open_box(std::uint64_t offset);

  const std::string root_;
  const Limits limits_;
  std::vector<Box> boxes_;
  std::uint64_t bytes_total_ = 0;
  std::size_t at_ = 0;
  std::uint64_t begin_offset_ = 0;
  bool told_ = false;  // that the folder is there
  File file_;
  std::unique_ptr<MboxReader> reader_;
};

}  // namespace hauspost::transfer
