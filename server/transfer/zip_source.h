// ZipSource: the .eml files of a zip archive, in the order they stand in it. Nothing is unpacked to
// disk; names that lead out of the archive, encrypted entries and those that swell out of all
// proportion are refused one by one.
#pragma once

#include <map>
#include <memory>

#include "server/transfer/file.h"
#include "server/transfer/item.h"
#include "server/transfer/manifest.h"

struct archive;
struct archive_entry;

namespace hauspost::transfer {

inline constexpr std::uint64_t kZipEntriesMax = 20'000'000;
inline constexpr std::uint64_t kZipManifestMax = 16ULL << 20;
// An entry above kZipSwellFree bytes may not be more than kZipSwell times its packed size.
inline constexpr std::uint64_t kZipSwell = 200;
inline constexpr std::uint64_t kZipSwellFree = 1ULL << 20;

class ZipSource final : public Source {
 public:
  static Result<std::unique_ptr<Source>> open(const std::string& path, Limits limits);
  ~ZipSource() override;

  Result<bool> next(Item& item) override;
  std::string position() const override;
  Result<> resume(std::string_view position) override;
  std::uint64_t bytes_total() const override { return file_.size(); }
  std::uint64_t bytes_done() const override;

 private:
  ZipSource(File file, std::string name, Limits limits)
      : file_(std::move(file)), name_(std::move(name)), limits_(limits) {}
  Result<> start();
  // False at the end.
  Result<bool> next_header();
  Result<std::string> read_data(std::uint64_t bytes_max);
  void take_manifest(const std::string& folder, Item& item);
  void take_message(const std::string& folder, const std::string& name, Item& item);
  // The folder of the entry as the source tells it; nullopt: its name leads somewhere else.
  std::optional<std::string> folder_of(std::string_view above, bool ours) const;

  File file_;
  const std::string name_;
  const Limits limits_;
  archive* archive_ = nullptr;
  archive_entry* entry_ = nullptr;
  std::string entry_name_;
  std::uint64_t count_ = 0;  // of entries that were read or passed over
  bool over_ = false;
  std::string manifest_above_;  // the folder in the archive that manifest_ is of
  bool manifest_here_ = false;
  std::map<std::string, ManifestEntry, std::less<>> manifest_;
};

}  // namespace hauspost::transfer
