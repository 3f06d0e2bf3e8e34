// SPDX-License-Identifier: MIT
#pragma once

#include "base/bytes.h"

struct bio_st;

namespace roost::io {

// What OpenSSL reads datagrams from and writes them to, without a socket: a socket serves many
// associations here, and OpenSSL's own memory BIO would glue datagrams together.
//
// Reads the datagram that was put there last, once and whole; says "try again" otherwise. Each
// write is one datagram, and goes to the owner at once.
class DatagramBio {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The bytes are gone when it returns.
    virtual void on_output(Bytes datagram) = 0;
  };

  // The owner outlives it.
  explicit DatagramBio(Owner& owner) : owner_(owner) {}
  DatagramBio(const DatagramBio&) = delete;  // OpenSSL knows its place.
  DatagramBio& operator=(const DatagramBio&) = delete;

  // An end for OpenSSL, which frees it; it must not outlive this. Null if there is no memory.
  bio_st* make();

  // In place of what was not read yet. It must stay until it has been read, or another one is put.
  void put(Bytes datagram) { input_ = datagram; }

 private:
  static int read(bio_st* bio, char* into, int size);
  static int write(bio_st* bio, const char* bytes, int size);
  static long control(bio_st* bio, int command, long number, void* pointer);

  Owner& owner_;
  Bytes input_;
};

}  // namespace roost::io
