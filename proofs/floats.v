(** Numbers of tensors: bytes, IEEE 754 words, dyadics m 2^e, fixed point. format.md#ascii-files, rules.md#integers.

    What the bytes mean is said by Flocq ([real_of_bits]); what the checker reads is computed here on integers. *)
From Coq Require Import ZArith Reals List Lia Lra Bool.
From Flocq Require Import Core IEEE754.Binary IEEE754.Bits.
From Certify Require Import vectors syntax.
Import ListNotations.
Open Scope Z_scope.
Open Scope bool_scope.

(** ** Words *)

Definition width (t : dtype) : nat := match t with F2 => 2 | F4 => 4 | F8 => 8 | I4 => 4 | I8 => 8
  | I16 => 16 | I32 => 32 | I64 => 64 | I128 => 128 end.

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
  | I4 | I8 | I16 | I32 | I64 | I128 => 0%R
  end.

Definition reals (x : tensor) : list R := map (real_of_bits (t_type x)) (words (width (t_type x)) (t_bytes x)).

(** ** What the checker reads *)

(** Bits of the mantissa and of the exponent. *)
Definition layout (t : dtype) : option (Z * Z) :=
  match t with F2 => Some (10, 5) | F4 => Some (23, 8) | F8 => Some (52, 11) | _ => None end.

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
  match layout (t_type x) with
  | None =>
      if size_ok x then Some (map (signed (width (t_type x))) (words (width (t_type x)) (t_bytes x))) else None
  | Some _ => None
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

(** ** Words: of a whole word and what follows it *)

Fixpoint little_endian (bytes : list Z) : Z :=
  match bytes with [] => 0 | b :: t => b + 256 * little_endian t end.

Lemma words_from_app n b : forall k place acc t, length b = k -> b <> [] ->
  words_from n k place acc (b ++ t) = acc + place * little_endian b :: words n t.
Proof.
  induction b as [|x b IH]; intros k place acc t L E; [contradiction|].
  simpl in L; subst k. destruct b as [|y b].
  - simpl. f_equal. ring.
  - change (words_from n (length (x :: y :: b)) place acc ((x :: y :: b) ++ t))
      with (words_from n (length (y :: b)) (Z.shiftl place 8) (acc + x * place) ((y :: b) ++ t)).
    etransitivity; [apply (IH (length (y :: b))); [reflexivity | discriminate]|]. f_equal.
    rewrite Z.shiftl_mul_pow2 by lia. change (2 ^ 8) with 256.
    change (little_endian (x :: y :: b)) with (x + 256 * little_endian (y :: b)). ring.
Qed.

Lemma words_app n b t : length b = n -> (0 < n)%nat -> words n (b ++ t) = little_endian b :: words n t.
Proof.
  intros L P. unfold words at 1. rewrite words_from_app by (assumption || (destruct b; [simpl in L; lia | discriminate])).
  f_equal. ring.
Qed.

Lemma words_length n k : (0 < n)%nat -> forall bytes, length bytes = (k * n)%nat -> length (words n bytes) = k.
Proof.
  intros P. induction k as [|k IH]; intros bytes L.
  - destruct bytes; [reflexivity | discriminate].
  - rewrite <- (firstn_skipn n bytes), words_app by (rewrite ?firstn_length; simpl in L; lia).
    simpl; f_equal. apply IH. rewrite skipn_length; simpl in L; lia.
Qed.

Lemma width_pos t : (0 < width t)%nat.
Proof. destruct t; simpl; lia. Qed.

Lemma reals_length x : size_ok x = true -> length (reals x) = t_count x.
Proof.
  intros S. apply Nat.eqb_eq in S. unfold reals. rewrite map_length. apply words_length; [apply width_pos | exact S].
Qed.

(** ** Dyadics are the entries *)

Lemma FF2R_finite s p e : FF2R radix2 (F754_finite s p e) = dyadic_value (if s then Z.neg p else Z.pos p, e).
Proof. destruct s; reflexivity. Qed.

Lemma dyadic_of_fields_correct mw ew (Hm : 0 < mw) (He : 0 < ew) (Hx : mw + 1 < 2 ^ (ew - 1)) w :
  exponent_field mw ew w <> Z.shiftl 1 ew - 1 ->
  B2R _ _ (binary_float_of_bits mw ew Hm He Hx w) = dyadic_value (dyadic_of_fields mw ew w).
Proof.
  intros N. unfold binary_float_of_bits. rewrite B2R_FF2B.
  unfold binary_float_of_bits_aux, split_bits, dyadic_of_fields, exponent_field in *.
  rewrite !Z.shiftl_1_l, Z.shiftr_div_pow2 in * by lia. rewrite Z.pow_add_r by lia.
  assert (P : 0 < 2 ^ mw) by (apply Z.pow_pos_nonneg; lia).
  assert (Q : 0 < 2 ^ ew) by (apply Z.pow_pos_nonneg; lia).
  assert (M := Z.mod_pos_bound w _ P).
  assert (F := Z.mod_pos_bound (w / 2 ^ mw) _ Q).
  assert (E : SpecFloat.emin (mw + 1) (2 ^ (ew - 1)) = 1 - (2 ^ (ew - 1) - 1) - mw) by (unfold SpecFloat.emin; lia).
  rewrite E. set (m := w mod 2 ^ mw) in *. set (f := (w / 2 ^ mw) mod 2 ^ ew) in *.
  destruct (Z.eqb_spec f 0) as [Z0 | Z0].
  - rewrite Z0, Z.add_0_r. change (Zeq_bool 0 0) with true. change (Z.max 0 1) with 1. cbv iota.
    destruct m as [|p|p]; [| |lia].
    + unfold dyadic_value. destruct (2 ^ mw * 2 ^ ew <=? w); simpl; ring.
    + rewrite FF2R_finite. reflexivity.
  - replace (Zeq_bool f 0) with false by (symmetry; apply Zeq_bool_false; assumption).
    replace (Zeq_bool f (2 ^ ew - 1)) with false by (symmetry; apply Zeq_bool_false; assumption).
    destruct (m + 2 ^ mw) as [|p|p] eqn:D; [lia| |lia].
    rewrite FF2R_finite. replace (Z.max f 1) with f by lia.
    replace (f + (1 - (2 ^ (ew - 1) - 1) - mw) - 1) with (f - (2 ^ (ew - 1) - 1) - mw) by ring. reflexivity.
Qed.

Lemma dyadic_of_bits_correct t w : finite_bits t w = true -> dyadic_value (dyadic_of_bits t w) = real_of_bits t w.
Proof.
  unfold finite_bits. destruct t; cbn [layout]; intros N; try discriminate;
  apply negb_true_iff, Z.eqb_neq in N; symmetry.
  - exact (dyadic_of_fields_correct 10 5 eq_refl eq_refl eq_refl w N).
  - exact (dyadic_of_fields_correct 23 8 eq_refl eq_refl eq_refl w N).
  - exact (dyadic_of_fields_correct 52 11 eq_refl eq_refl eq_refl w N).
Qed.

(** What [dyadics] has looked at. *)
Lemma dyadics_inv x ds : dyadics x = Some ds ->
  size_ok x = true /\ forallb (finite_bits (t_type x)) (words (width (t_type x)) (t_bytes x)) = true /\
  ds = map (dyadic_of_bits (t_type x)) (words (width (t_type x)) (t_bytes x)).
Proof.
  unfold dyadics. destruct (layout _); [|discriminate]. destruct (size_ok x); [|discriminate].
  destruct (forallb _ _); [|discriminate]. intros E; injection E; auto.
Qed.

Theorem dyadics_correct x ds : dyadics x = Some ds -> map dyadic_value ds = reals x.
Proof.
  intros E. destruct (dyadics_inv x ds E) as (_ & F & ->). unfold reals. rewrite map_map.
  rewrite forallb_forall in F. apply map_ext_in. intros w I. apply dyadic_of_bits_correct, F, I.
Qed.

Lemma dyadics_length x ds : dyadics x = Some ds -> length ds = t_count x.
Proof.
  intros E. rewrite <- (map_length dyadic_value), (dyadics_correct x ds E).
  apply reals_length. apply (dyadics_inv x ds E).
Qed.

(** ** Fixed point encloses the entries *)

Lemma fixed_inv x lo hi h : fixed x = Some (lo, hi, h) -> exists ds, dyadics x = Some ds /\
  lo = map (fun p => shift_down (fst p) (snd p + h)) ds /\ hi = map (fun p => shift_up (fst p) (snd p + h)) ds.
Proof.
  unfold fixed. destruct (layout _) as [[mw ew]|]; [|discriminate]. destruct (dyadics x) as [ds|]; [|discriminate].
  intros E; exists ds. injection E; intros; subst; auto.
Qed.

Lemma within_shifts h ds :
  within (map (fun p => shift_down (fst p) (snd p + h)) ds) (map (fun p => shift_up (fst p) (snd p + h)) ds)
         (map (fun v => v * pow2 h)%R (map dyadic_value ds)).
Proof.
  induction ds as [|p ds IH]; simpl; constructor; [|exact IH].
  unfold dyadic_value. rewrite Rmult_assoc, <- bpow_plus. split; [apply shift_down_le | apply shift_up_ge].
Qed.

Theorem fixed_correct x lo hi h : fixed x = Some (lo, hi, h) -> within lo hi (map (fun v => v * pow2 h)%R (reals x)).
Proof.
  intros E. destruct (fixed_inv x lo hi h E) as (ds & D & -> & ->).
  rewrite <- (dyadics_correct x ds D). apply within_shifts.
Qed.

Lemma fixed_length x lo hi h : fixed x = Some (lo, hi, h) -> length lo = t_count x /\ length hi = t_count x.
Proof.
  intros E. destruct (fixed_inv x lo hi h E) as (ds & D & -> & ->). rewrite !map_length.
  split; apply dyadics_length; assumption.
Qed.

Lemma integers_length x l : integers x = Some l -> length l = t_count x.
Proof.
  unfold integers. intros E. destruct (size_ok x) eqn:S; [|destruct (t_type x); discriminate].
  apply Nat.eqb_eq in S. rewrite <- (words_length _ _ (width_pos (t_type x)) _ S).
  destruct (t_type x); try discriminate; injection E as <-; apply map_length.
Qed.

(** ** Rationals, rounded at a scale *)

Open Scope R_scope.

Lemma pow2_opp k : pow2 (- k) * pow2 k = 1.
Proof. rewrite <- bpow_plus, Z.add_opp_diag_l. reflexivity. Qed.

Lemma shiftl_IZR x k : (0 <= k)%Z -> IZR (Z.shiftl x k) = IZR x * pow2 k.
Proof. intros P. rewrite Z.shiftl_mul_pow2, mult_IZR, pow2_IZR by assumption. reflexivity. Qed.

Lemma floor_ratio_le num den scale : (0 < den)%Z ->
  IZR (floor_ratio num den scale) <= IZR num / IZR den * pow2 scale.
Proof.
  intros P. assert (0 < IZR den) by (apply IZR_lt; assumption). unfold floor_ratio.
  destruct (Z.leb_spec 0 scale) as [S | S].
  - eapply Rle_trans; [apply div_le; assumption|]. rewrite shiftl_IZR by assumption.
    apply Req_le. field. lra.
  - assert (0 < Z.shiftl den (- scale))%Z by (rewrite Z.shiftl_mul_pow2 by lia; apply Z.mul_pos_pos;
      [|apply Z.pow_pos_nonneg]; lia).
    eapply Rle_trans; [apply div_le; assumption|]. rewrite shiftl_IZR by lia.
    assert (O := pow2_opp scale). assert (0 < pow2 (- scale)) by apply pow2_pos.
    apply Req_le. replace (pow2 scale) with (/ pow2 (- scale)) by (rewrite <- bpow_opp, Z.opp_involutive; reflexivity).
    field. lra.
Qed.

Lemma ceil_ratio_ge num den scale : (0 < den)%Z ->
  IZR num / IZR den * pow2 scale <= IZR (ceil_ratio num den scale).
Proof.
  intros P. unfold ceil_ratio. assert (H := floor_ratio_le (- num) den scale P).
  rewrite opp_IZR in *. unfold Rdiv in *. rewrite !Ropp_mult_distr_l_reverse in H. lra.
Qed.

Lemma floor_dyadic_le p scale num den : (0 < den)%Z ->
  IZR (floor_dyadic p scale num den) <= (dyadic_value p + IZR num / IZR den) * pow2 scale.
Proof.
  intros P. assert (0 < IZR den) by (apply IZR_lt; assumption).
  destruct p as [m e]. unfold floor_dyadic, dyadic_value; simpl fst; simpl snd.
  destruct (Z.leb_spec 0 e) as [S | S]; (eapply Rle_trans; [apply floor_ratio_le|]).
  - assumption.
  - rewrite plus_IZR, mult_IZR, shiftl_IZR by assumption. apply Req_le. field. lra.
  - rewrite Z.shiftl_mul_pow2 by lia. apply Z.mul_pos_pos; [|apply Z.pow_pos_nonneg]; lia.
  - rewrite plus_IZR, mult_IZR, !shiftl_IZR by lia.
    assert (0 < pow2 (- e)) by apply pow2_pos.
    replace (pow2 e) with (/ pow2 (- e)) by (rewrite <- bpow_opp, Z.opp_involutive; reflexivity).
    apply Req_le. field. lra.
Qed.

Lemma ceil_dyadic_ge p scale num den : (0 < den)%Z ->
  (dyadic_value p + IZR num / IZR den) * pow2 scale <= IZR (ceil_dyadic p scale num den).
Proof.
  intros P. unfold ceil_dyadic. assert (H := floor_dyadic_le (- fst p, snd p)%Z scale (- num) den P).
  unfold dyadic_value in *; simpl fst in H; simpl snd in H. rewrite opp_IZR in *. rewrite opp_IZR in H.
  unfold Rdiv in *. replace ((- IZR (fst p) * pow2 (snd p) + - IZR num * / IZR den) * pow2 scale)
    with (- ((IZR (fst p) * pow2 (snd p) + IZR num * / IZR den) * pow2 scale)) in H by ring. lra.
Qed.

(** ** A few numbers *)

Open Scope Z_scope.

Example one_f8 : dyadics {| t_type := F8; t_count := 1; t_bytes := [0; 0; 0; 0; 0; 0; 0xf0; 0x3f] |} =
  Some [(2 ^ 52, -52)].
Proof. reflexivity. Qed.

Example minus_tenth_and_subnormal_f4 :
  dyadics {| t_type := F4; t_count := 2; t_bytes := [0xcd; 0xcc; 0xcc; 0xbd; 1; 0; 0; 0x80] |} =
  Some [(-13421773, -27); (-1, -149)].
Proof. reflexivity. Qed.

Example third_f2 : fixed {| t_type := F2; t_count := 2; t_bytes := [0x55; 0x35; 1; 0] |} =
  Some ([1365 * 2 ^ 49; 2 ^ 37], [1365 * 2 ^ 49; 2 ^ 37], 61).
Proof. reflexivity. Qed.

Example small_beside_large_f4 :    (* 1 and -2^-149: floor and ceiling differ *)
  fixed {| t_type := F4; t_count := 2; t_bytes := [0; 0; 0x80; 0x3f; 1; 0; 0; 0x80] |} =
  Some ([2 ^ 59; -1], [2 ^ 59; 0], 59).
Proof. reflexivity. Qed.

Example infinity_f2 : dyadics {| t_type := F2; t_count := 1; t_bytes := [0; 0x7c] |} = None.
Proof. reflexivity. Qed.

Example wrong_size : dyadics {| t_type := F2; t_count := 1; t_bytes := [0; 0; 0] |} = None.
Proof. reflexivity. Qed.

Example integers_i4 :
  integers {| t_type := I4; t_count := 2; t_bytes := [0xff; 0xff; 0xff; 0xff; 0; 1; 0; 0] |} = Some [-1; 256].
Proof. reflexivity. Qed.
