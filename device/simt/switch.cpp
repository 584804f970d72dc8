// SPDX-License-Identifier: Apache-2.0
// Switches stacks. No other code depends on the processor.
#include "weft/device/simt/switch.h"

#ifdef __x86_64__

// Saves the callee-saved registers on the old stack and restores them from the new one (System V
// ABI). Kernels do not change the floating-point control words. The switch ends with a jump instead
// of a return: the processor predicts returns with a stack of its own, and every prediction would
// be wrong (barriers took 3 times as long).
asm(R"(
.text
.globl weft_simt_switch
.hidden weft_simt_switch
.type weft_simt_switch,@function
.p2align 4
weft_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmpq *%rcx
.size weft_simt_switch,.-weft_simt_switch
)");

namespace weft::simt {

void* new_context(char* stack_top, void (*entry)()) {
  auto** top = reinterpret_cast<void**>(stack_top);
  // The ABI requires the stack pointer to be 8 modulo 16 at a function's entry, as after a call. A
  // violation has no effect until a deeply nested call stores an aligned vector.
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(entry);
  for (int saved_registers = 0; saved_registers < 6; ++saved_registers) *--top = nullptr;
  return top;
}

}  // namespace weft::simt

#elif defined(__aarch64__)

// d8 to d15 and x19 to x30 are callee-saved (AAPCS64).
asm(R"(
.text
.globl weft_simt_switch
.hidden weft_simt_switch
.type weft_simt_switch,@function
.p2align 4
weft_simt_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  br x30
.size weft_simt_switch,.-weft_simt_switch
)");

namespace weft::simt {

void* new_context(char* stack_top, void (*entry)()) {
  auto** top = reinterpret_cast<void**>(stack_top) - 20;
  for (int i = 0; i < 20; ++i) top[i] = nullptr;
  top[11] = reinterpret_cast<void*>(entry);  // x30
  return top;
}

}  // namespace weft::simt

#else
#error "the SIMT emulator knows x86-64 and AArch64"
#endif
