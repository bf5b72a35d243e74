(** Numbers of tensors: bytes, IEEE 754 words, dyadics m 2^e, fixed point. format.md#ascii-files, rules.md#integers.

    What the bytes mean is said by Flocq ([real_of_bits]); what the checker reads is computed here on integers. *)
From Coq Require Import ZArith Reals List Lia Lra Bool.
From Flocq Require Import Core IEEE754.Binary IEEE754.Bits.
From Certify Require Import vectors syntax.
Import ListNotations.
Open Scope Z_scope.
Open Scope bool_scope.

(** ** Words *)

Definition width (t : dtype) : nat := match t with F2 => 2 | F4 => 4 | F8 => 8 | I4 => 4 | I8 => 8 end.

(** Little-endian words of [n] bytes: [k] bytes are still to come of the word in [acc], the next one at [place]. *)
Fixpoint words_from (n k : nat) (place acc : Z) (bytes : list Z) : list Z :=
  match bytes with
  | [] => []
  | b :: t =>
      match k with
      | S (S k') => words_from n (S k') (Z.shiftl place 8) (acc + b * place) t
      | _ => acc + b * place :: words_from n n 1 0 t
      end
  end.

(** Unsigned words of [n] > 0 bytes, a shorter tail dropped. *)
Definition words (n : nat) (bytes : list Z) : list Z := words_from n n 1 0 bytes.

(** ** What the bytes mean *)

Definition real_of_bits (t : dtype) (w : Z) : R :=
  match t with
  | F2 => B2R 11 16 (binary_float_of_bits 10 5 eq_refl eq_refl eq_refl w)
  | F4 => B2R 24 128 (b32_of_bits w)
  | F8 => B2R 53 1024 (b64_of_bits w)
  | I4 | I8 => 0%R
  end.

Definition reals (x : tensor) : list R := map (real_of_bits (t_type x)) (words (width (t_type x)) (t_bytes x)).

(** ** What the checker reads *)

(** Bits of the mantissa and of the exponent. *)
Definition layout (t : dtype) : option (Z * Z) :=
  match t with F2 => Some (10, 5) | F4 => Some (23, 8) | F8 => Some (52, 11) | I4 | I8 => None end.

Definition exponent_field (mw ew w : Z) : Z := Z.shiftr w mw mod Z.shiftl 1 ew.

(** Neither a NaN nor an infinity: the exponent is not all ones. *)
Definition finite_bits (t : dtype) (w : Z) : bool :=
  match layout t with
  | Some (mw, ew) => negb (exponent_field mw ew w =? Z.shiftl 1 ew - 1)
  | None => false
  end.

(** (m, e) stands for m 2^e. *)
Definition dyadic := (Z * Z)%type.

Definition dyadic_value (p : dyadic) : R := (IZR (fst p) * pow2 (snd p))%R.

Definition dyadic_of_fields (mw ew w : Z) : dyadic :=
  let f := exponent_field mw ew w in
  let m := w mod Z.shiftl 1 mw + (if f =? 0 then 0 else Z.shiftl 1 mw) in
  (if Z.shiftl 1 (mw + ew) <=? w then - m else m, Z.max f 1 - (Z.shiftl 1 (ew - 1) - 1) - mw).

Definition dyadic_of_bits (t : dtype) (w : Z) : dyadic :=
  match layout t with
  | Some (mw, ew) => dyadic_of_fields mw ew w
  | None => (0, 0)
  end.

Definition size_ok (x : tensor) : bool := (length (t_bytes x) =? t_count x * width (t_type x))%nat.

(** The entries exactly; None for another type, a wrong size, a NaN or an infinity. *)
Definition dyadics (x : tensor) : option (list dyadic) :=
  match layout (t_type x) with
  | None => None
  | Some _ =>
      if size_ok x then
        let ws := words (width (t_type x)) (t_bytes x) in
        if forallb (finite_bits (t_type x)) ws then Some (map (dyadic_of_bits (t_type x)) ws) else None
      else None
  end.

(** The largest exponent of a nonzero entry. *)
Definition top_exponent (ds : list dyadic) : option Z :=
  fold_left (fun top p =>
    if fst p =? 0 then top
    else match top with None => Some (snd p) | Some e => Some (Z.max e (snd p)) end) ds None.

(** (lo, hi, h): every entry lies in [lo, hi] 2^-h. With E the least exponent of a power of two that the exponent
    fields allow to be above all entries, h = 60 - E; zero for a tensor of zeros. *)
Definition fixed (x : tensor) : option (list Z * list Z * Z) :=
  match layout (t_type x), dyadics x with
  | Some (mw, _), Some ds =>
      let h := match top_exponent ds with Some e => 60 - (e + mw + 1) | None => 0 end in
      Some (map (fun p => shift_down (fst p) (snd p + h)) ds, map (fun p => shift_up (fst p) (snd p + h)) ds, h)
  | _, _ => None
  end.

(** Two's complement. *)
Definition signed (n : nat) (w : Z) : Z :=
  let half := Z.shiftl 1 (8 * Z.of_nat n - 1) in if half <=? w then w - 2 * half else w.

(** An integer tensor; None for another type or a wrong size. *)
Definition integers (x : tensor) : option (list Z) :=
  match t_type x with
  | I4 | I8 =>
      if size_ok x then Some (map (signed (width (t_type x))) (words (width (t_type x)) (t_bytes x))) else None
  | _ => None
  end.

(** floor and ceil of (num / den) 2^scale. *)
Definition floor_ratio (num den scale : Z) : Z :=
  if 0 <=? scale then Z.shiftl num scale / den else num / Z.shiftl den (- scale).
Definition ceil_ratio (num den scale : Z) : Z := - floor_ratio (- num) den scale.

(** floor and ceil of (m 2^e + num / den) 2^scale. *)
Definition floor_dyadic (p : dyadic) (scale num den : Z) : Z :=
  let '(m, e) := p in
  if 0 <=? e then floor_ratio (num + Z.shiftl m e * den) den scale
  else floor_ratio (Z.shiftl num (- e) + m * den) (Z.shiftl den (- e)) scale.
Definition ceil_dyadic (p : dyadic) (scale num den : Z) : Z :=
  - floor_dyadic (- fst p, snd p) scale (- num) den.
