(** Polynomials with exact coefficients, and proofs that one is not negative where others are not.

    [terms_value] says what a list of terms is; lists are kept sorted so that equal polynomials meet term by term, which
    no theorem needs. Spec: statements.md#polynomials. *)
From Coq Require Import String ZArith NArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact.
From Certify.rules Require Import matrices.
Import ListNotations.
Open Scope string_scope.
Open Scope Z_scope.

(** ** Arithmetic *)

(** Exponents of the variables in order, and a coefficient. *)
Notation term := (list N * Z)%type.

(** Terms over one denominator. *)
Record polynomial := { p_terms : list term; p_den : BinNums.positive }.

Fixpoint add_exponents (e f : list N) : list N :=
  match e, f with
  | k :: e', l :: f' => N.add k l :: add_exponents e' f'
  | [], _ => f
  | _, [] => e
  end.

Fixpoint order (e f : list N) : comparison :=
  match e, f with
  | [], [] => Eq
  | [], _ => Lt
  | _, [] => Gt
  | k :: e', l :: f' => match N.compare k l with Eq => order e' f' | c => c end
  end.

(** Of sorted lists; a coefficient of zero is dropped. *)
Fixpoint add_terms (a : list term) : list term -> list term :=
  match a with
  | [] => fun b => b
  | (e, c) :: a' =>
      fix go (b : list term) : list term :=
        match b with
        | [] => a
        | (f, d) :: b' =>
            match order e f with
            | Lt => (e, c) :: add_terms a' b
            | Gt => (f, d) :: go b'
            | Eq => if c + d =? 0 then add_terms a' b' else (e, c + d) :: add_terms a' b'
            end
        end
  end.

(** Sums of many lists: place k of the stack has the sum of 2^k of them, or none. *)
Fixpoint push (stack : list (option (list term))) (l : list term) : list (option (list term)) :=
  match stack with
  | [] => [Some l]
  | None :: rest => Some l :: rest
  | Some m :: rest => None :: push rest (add_terms m l)
  end.
Definition stacked (stack : list (option (list term))) : list term :=
  fold_right (fun o l => match o with Some m => add_terms m l | None => l end) [] stack.
Definition gather (ls : list (list term)) : list term := stacked (fold_left push ls []).

Definition single (e : list N) (c : Z) : list term := if c =? 0 then [] else [(e, c)].
Definition scale_terms (k : Z) (l : list term) : list term := map (fun t => (fst t, k * snd t)) l.
Definition shift_terms (e : list N) (c : Z) (l : list term) : list term :=
  map (fun t => (add_exponents e (fst t), c * snd t)) l.

Definition zero : polynomial := {| p_terms := []; p_den := 1 |}.

Definition opp (p : polynomial) : polynomial := {| p_terms := scale_terms (-1) (p_terms p); p_den := p_den p |}.

(** Over the least common multiple of the denominators. *)
Definition add (p q : polynomial) : polynomial :=
  let g := Pos.gcd (p_den p) (p_den q) in
  let a := Z.to_pos (Z.pos (p_den p) / Z.pos g) in
  let b := Z.to_pos (Z.pos (p_den q) / Z.pos g) in
  {| p_terms := add_terms (scale_terms (Z.pos b) (p_terms p)) (scale_terms (Z.pos a) (p_terms q));
     p_den := p_den p * b |}.

(** 2^20: limits.py. *)
Definition most_terms : Z := 1048576.

Definition mul (p q : polynomial) : result polynomial :=
  if Z.of_nat (length (p_terms p)) * Z.of_nat (length (p_terms q)) <=? most_terms then
    Ok {| p_terms := gather (map (fun t => shift_terms (fst t) (snd t) (p_terms q)) (p_terms p));
          p_den := p_den p * p_den q |}
  else Decline "limit".

(** ** Reading *)

(** The rows of a matrix of natural numbers. *)
Definition exponents (n : nat) (m : matrix) : result (list (list N)) :=
  _ <- need "shape" (m_columns m =? n)%nat ;;
  _ <- need "exponent" (forallb (forallb (fun v => (0 <=? v) && (v mod m_den m =? 0))) (m_cells m)) ;;
  Ok (map (map (fun v => Z.to_N (v / m_den m))) (m_cells m)).

Definition of_matrices (n : nat) (powers coefficients : matrix) : result polynomial :=
  keys <- exponents n powers ;;
  _ <- need "shape" ((m_rows coefficients =? 1) && (m_columns coefficients =? m_rows powers))%nat ;;
  Ok {| p_terms := gather (map2 single keys (concat (m_cells coefficients))); p_den := Z.to_pos (m_den coefficients) |}.

(** Exponents and coefficients in turn. *)
Fixpoint of_list (n : nat) (ms : list matrix) : result (list polynomial) :=
  match ms with
  | [] => Ok []
  | e :: c :: rest => p <- of_matrices n e c ;; ps <- of_list n rest ;; Ok (p :: ps)
  | [_] => Reject "shape"
  end.

Definition of_statement (s : store) (n : nat) (ws : list matrix_words) : result (list polynomial) :=
  ms <- read_matrices s ws ;;
  _ <- need "shape" (Nat.even (length ms)) ;;
  of_list n ms.

(** ** Proofs *)

(** A number within a list. *)
Definition index (why : string) (k : Z) (length : nat) : result nat :=
  _ <- need why ((0 <=? k) && (k <? Z.of_nat length)) ;;
  Ok (Z.to_nat k).

Definition hint_at (s : store) (e : evidence) (k : Z) : result matrix :=
  i <- index "no-such-matrix" k (length (ev_matrices e)) ;;
  hint s e i.

Definition hint_polynomial (s : store) (e : evidence) (n : nat) (powers coefficients : Z) : result polynomial :=
  m <- hint_at s e powers ;;
  c <- hint_at s e coefficients ;;
  of_matrices n m c.

(** The diagonal matrix of a row; from column [i] on. *)
Fixpoint diagonal_rows (n i : nat) (l : list Z) : list (list Z) :=
  match l with
  | [] => []
  | k :: rest => (repeat 0 i ++ k :: repeat 0 (n - S i))%list :: diagonal_rows n (S i) rest
  end.

(** G: weights that are not negative, or shown to be positive semidefinite. *)
Definition form_of (s : store) (e : evidence) (g : matrix) (k : Z) : result matrix :=
  if k =? -1 then
    _ <- need "shape" (m_rows g =? 1)%nat ;;
    _ <- need "negative-multiplier" (forallb (forallb (Z.leb 0)) (m_cells g)) ;;
    Ok {| m_rows := m_columns g; m_columns := m_columns g;
          m_cells := diagonal_rows (m_columns g) 0 (concat (m_cells g)); m_den := m_den g |}
  else
    i <- index "no-such-matrix" k (length (ev_matrices e)) ;;
    _ <- shown_positive s e g i ;;
    Ok g.

(** In the monomials, where the form is one in polynomials: B' G B. *)
Definition in_monomials (s : store) (e : evidence) (terms : nat) (basis : Z) (g : matrix) : result matrix :=
  if basis =? -1 then Ok g
  else
    b <- hint_at s e basis ;;
    _ <- need "shape" ((m_rows b =? m_rows g) && (m_columns b =? terms))%nat ;;
    Ok (m_mul (m_mul (m_transpose b) g) b).

Definition expand (keys : list (list N)) (cells : list (list Z)) : list term :=
  gather (concat (map2 (fun e row => map2 (fun f c => single (add_exponents e f) c) keys row) keys cells)).

(** z' G z, which is nowhere negative. *)
Definition square (s : store) (e : evidence) (n : nat) (powers basis gram k : Z) : result polynomial :=
  m <- hint_at s e powers ;;
  keys <- exponents n m ;;
  g <- hint_at s e gram ;;
  let most := Z.of_nat (Nat.max (m_rows m) (Nat.max (m_rows g) (m_columns g))) in
  _ <- (if most * most <=? most_terms then Ok tt else Decline "limit") ;;
  f <- form_of s e g k ;;
  h <- in_monomials s e (m_rows m) basis f ;;
  _ <- need "shape" ((m_rows h =? m_rows m) && (m_columns h =? m_rows m))%nat ;;
  Ok {| p_terms := expand keys (m_cells h); p_den := Z.to_pos (m_den h) |}.

(** Times premises by number. *)
Fixpoint times (p : polynomial) (known : list polynomial) (numbers : list Z) : result polynomial :=
  match numbers with
  | [] => Ok p
  | k :: rest =>
      i <- index "item" k (length known) ;;
      g <- get "item" (nth_error known i) ;;
      q <- mul p g ;;
      times q known rest
  end.

(** -1, -p^2, -p^4, .. *)
Fixpoint minus_power (n : nat) (goal : polynomial) (k : nat) : result polynomial :=
  match k with
  | O => Ok {| p_terms := [(repeat 0%N n, -1)]; p_den := 1 |}
  | S j => p <- minus_power n goal j ;; q <- mul p goal ;; mul q goal
  end.

(** The greatest depth of splits, and the largest end of a leaf: limits.py, polynomials.py. *)
Definition most_depth : Z := 1000.
Definition most_ends : Z := 5.

(** The items that prove the goal under each list of premises in [todo]; [total] is what the leaf at hand has added up.
    Returns the items behind them. *)
Fixpoint follows (s : store) (e : evidence) (n : nat) (goal : polynomial) (first : nat) (equalities : list polynomial)
    (items : list (list Z)) (todo : list (list polynomial)) (total : polynomial) {struct items} : result (list (list Z)) :=
  match todo with
  | [] => Ok items
  | known :: others =>
      match items with
      | [] => Reject "item"
      | item :: rest =>
          match item with
          | [] => Reject "item"
          | code :: words =>
              if code =? 0 then
                match words with
                | [w] =>
                    _ <- need "item" ((0 <=? w) && (w <=? most_ends)) ;;
                    aim <- (if w =? 0 then Ok goal else minus_power n goal (Z.to_nat (w - 1))) ;;
                    _ <- need "identity" (match p_terms (add aim (opp total)) with [] => true | _ => false end) ;;
                    follows s e n goal first equalities rest others zero
                | _ => Reject "item"
                end
              else if code =? 1 then
                match words with
                | [a; b] =>
                    r <- hint_polynomial s e n a b ;;
                    _ <- (if Z.of_nat (length known) + 1 - Z.of_nat first <=? most_depth then Ok tt else Decline "limit") ;;
                    follows s e n goal first equalities rest
                      ((known ++ [r])%list :: (known ++ [opp r])%list :: others) total
                | _ => Reject "item"
                end
              else if code =? 2 then
                match words with
                | a :: b :: g :: k :: numbers =>
                    p <- square s e n a b g k ;;
                    q <- times p known numbers ;;
                    follows s e n goal first equalities rest todo (add total q)
                | _ => Reject "item"
                end
              else if code =? 3 then
                match words with
                | [j; a; b] =>
                    i <- index "item" j (length equalities) ;;
                    h <- get "item" (nth_error equalities i) ;;
                    q <- hint_polynomial s e n a b ;;
                    p <- mul q h ;;
                    follows s e n goal first equalities rest todo (add total p)
                | _ => Reject "item"
                end
              else Reject "item"
          end
      end
  end.

(** That the goal follows from premises; returns the items behind the proof. *)
Definition proved (s : store) (e : evidence) (n : nat) (goal : polynomial) (premises equalities : list polynomial)
    (items : list (list Z)) : result (list (list Z)) :=
  follows s e n goal (length premises) equalities items [premises] zero.

(** ** What they mean *)

Open Scope R_scope.

Fixpoint prod (n : nat) (f : nat -> R) : R := match n with O => 1 | S m => prod m f * f m end.

(** x to the power of a natural number that is given as a real. *)
Definition power (x e : R) : R := x ^ Z.to_nat (Int_part e).

(** Exponents and coefficients of a file. *)
Definition pair_words := (matrix_words * matrix_words)%type.
Fixpoint pairs (l : list matrix_words) : list pair_words :=
  match l with
  | e :: c :: rest => (e, c) :: pairs rest
  | _ => []
  end.

(** sum_i C_i prod_j x_j^(E_ij). *)
Definition polynomial_at (s : store) (n : nat) (p : pair_words) (x : nat -> R) : R :=
  sum (mw_rows (fst p)) (fun i => meaning s (snd p) 0 i * prod n (fun j => power (x j) (meaning s (fst p) i j))).

Definition natural_exponents (s : store) (n : nat) (p : pair_words) : Prop :=
  mw_columns (fst p) = n /\
  forall i j, (i < mw_rows (fst p))%nat -> (j < n)%nat -> exists k : nat, meaning s (fst p) i j = INR k.

Fixpoint monomial (e : list N) (x : nat -> R) : R :=
  match e with [] => 1 | k :: rest => x 0%nat ^ N.to_nat k * monomial rest (fun j => x (S j)) end.

Definition terms_value (l : list term) (x : nat -> R) : R :=
  fold_right (fun t v => IZR (snd t) * monomial (fst t) x + v) 0 l.

Definition value_at (p : polynomial) (x : nat -> R) : R := terms_value (p_terms p) x / IZR (Z.pos (p_den p)).

Lemma den_pos (d : BinNums.positive) : 0 < IZR (Z.pos d).
Proof. apply IZR_lt. reflexivity. Qed.

Lemma monomial_add e : forall f x, monomial (add_exponents e f) x = monomial e x * monomial f x.
Proof.
  induction e as [|k e IH]; intros [|l f] x; simpl; try lra.
  rewrite IH, N2Nat.inj_add, pow_add. ring.
Qed.

Lemma order_eq e : forall f, order e f = Eq -> e = f.
Proof.
  induction e as [|k e IH]; intros [|l f] H; simpl in H; try discriminate; [reflexivity|].
  destruct (N.compare k l) eqn:C; try discriminate. apply N.compare_eq in C. subst l. f_equal. auto.
Qed.

Lemma terms_cons e c l x : terms_value ((e, c) :: l) x = IZR c * monomial e x + terms_value l x.
Proof. reflexivity. Qed.

Lemma add_terms_cons e c a f d b : add_terms ((e, c) :: a) ((f, d) :: b) =
  match order e f with
  | Lt => (e, c) :: add_terms a ((f, d) :: b)
  | Gt => (f, d) :: add_terms ((e, c) :: a) b
  | Eq => if (c + d =? 0)%Z then add_terms a b else (e, (c + d)%Z) :: add_terms a b
  end.
Proof. reflexivity. Qed.

Lemma terms_add a : forall b x, terms_value (add_terms a b) x = terms_value a x + terms_value b x.
Proof.
  induction a as [|[e c] a IH]; intros b x; [simpl; lra|].
  induction b as [|[f d] b IHb]; [simpl; lra|].
  rewrite add_terms_cons. destruct (order e f) eqn:O.
  - apply order_eq in O. subst f. rewrite !terms_cons. destruct (Z.eqb_spec (c + d) 0) as [Z0 | _].
    + rewrite IH. assert (IZR c + IZR d = 0) by (rewrite <- plus_IZR, Z0; reflexivity).
      replace (IZR d) with (- IZR c) by lra. ring.
    + rewrite terms_cons, IH, plus_IZR. ring.
  - rewrite terms_cons, IH, !terms_cons. ring.
  - rewrite terms_cons, IHb, !terms_cons. ring.
Qed.

Lemma terms_app a : forall b x, terms_value (a ++ b) x = terms_value a x + terms_value b x.
Proof. induction a as [|[e c] a IH]; intros b x; simpl app; [simpl; lra|]. rewrite !terms_cons, IH. ring. Qed.

Definition stack_value (st : list (option (list term))) (x : nat -> R) : R :=
  fold_right (fun o v => match o with Some m => terms_value m x + v | None => v end) 0 st.

Lemma push_value st : forall l x, stack_value (push st l) x = terms_value l x + stack_value st x.
Proof.
  induction st as [|[m|] st IH]; intros l x; simpl; [lra| |reflexivity].
  rewrite IH, terms_add. unfold stack_value. ring.
Qed.

Lemma stacked_value st x : terms_value (stacked st) x = stack_value st x.
Proof.
  induction st as [|[m|] st IH]; [reflexivity| |exact IH].
  change (stacked (Some m :: st)) with (add_terms m (stacked st)). rewrite terms_add, IH. reflexivity.
Qed.

Definition lists_value (ls : list (list term)) (x : nat -> R) : R := fold_right (fun l v => terms_value l x + v) 0 ls.

Lemma gather_value ls x : terms_value (gather ls) x = lists_value ls x.
Proof.
  unfold gather. rewrite stacked_value.
  assert (G : forall st, stack_value (fold_left push ls st) x = stack_value st x + lists_value ls x).
  { induction ls as [|l ls IH]; intros st; [simpl; lra|]. simpl fold_left. rewrite IH, push_value.
    change (lists_value (l :: ls) x) with (terms_value l x + lists_value ls x). lra. }
  rewrite G. simpl. lra.
Qed.

Lemma single_value e c x : terms_value (single e c) x = IZR c * monomial e x.
Proof. unfold single. destruct (Z.eqb_spec c 0) as [-> | _]; simpl; lra. Qed.

Lemma scale_value k l x : terms_value (scale_terms k l) x = IZR k * terms_value l x.
Proof.
  induction l as [|[e c] l IH]; [simpl; lra|]. simpl scale_terms. rewrite !terms_cons, mult_IZR.
  change (map (fun t => (fst t, (k * snd t)%Z)) l) with (scale_terms k l). rewrite IH. ring.
Qed.

Lemma shift_value e c l x : terms_value (shift_terms e c l) x = IZR c * monomial e x * terms_value l x.
Proof.
  induction l as [|[f d] l IH]; [simpl; lra|].
  change (shift_terms e c ((f, d) :: l)) with ((add_exponents e f, (c * d)%Z) :: shift_terms e c l).
  rewrite !terms_cons, mult_IZR, monomial_add, IH. ring.
Qed.

Lemma zero_value x : value_at zero x = 0.
Proof. unfold value_at. simpl. lra. Qed.

Lemma opp_value p x : value_at (opp p) x = - value_at p x.
Proof. unfold value_at, opp. cbn [p_terms p_den]. rewrite scale_value. pose proof (den_pos (p_den p)). field. lra. Qed.

Lemma quotient_pos a g : Z.divide (Z.pos g) (Z.pos a) ->
  Z.pos a = (Z.pos g * Z.pos (Z.to_pos (Z.pos a / Z.pos g)))%Z.
Proof.
  intros [k E]. rewrite E, Z.div_mul by discriminate.
  rewrite Z2Pos.id; [apply Z.mul_comm|]. apply (Z.mul_pos_cancel_r k (Z.pos g)); [reflexivity|]. rewrite <- E. reflexivity.
Qed.

Lemma add_value p q x : value_at (add p q) x = value_at p x + value_at q x.
Proof.
  unfold value_at, add. cbn [p_terms p_den]. set (g := Pos.gcd (p_den p) (p_den q)).
  pose proof (quotient_pos (p_den p) g (Z.gcd_divide_l (Z.pos (p_den p)) (Z.pos (p_den q)))) as A.
  pose proof (quotient_pos (p_den q) g (Z.gcd_divide_r (Z.pos (p_den p)) (Z.pos (p_den q)))) as B.
  set (a := Z.to_pos (Z.pos (p_den p) / Z.pos g)) in *. set (b := Z.to_pos (Z.pos (p_den q) / Z.pos g)) in *.
  rewrite terms_add, !scale_value, Pos2Z.inj_mul, mult_IZR, A, B, !mult_IZR.
  pose proof (den_pos g). pose proof (den_pos a). pose proof (den_pos b). field. lra.
Qed.

Lemma mul_value p q r x : mul p q = Ok r -> value_at r x = value_at p x * value_at q x.
Proof.
  unfold mul. destruct (_ <=? _)%Z; [|discriminate]. intros H. injection H as <-.
  unfold value_at. cbn [p_terms p_den]. rewrite gather_value, Pos2Z.inj_mul, mult_IZR.
  assert (L : lists_value (map (fun t => shift_terms (fst t) (snd t) (p_terms q)) (p_terms p)) x
              = terms_value (p_terms p) x * terms_value (p_terms q) x).
  { induction (p_terms p) as [|[e c] l IH]; [simpl; lra|]. simpl map. rewrite terms_cons.
    change (lists_value (?h :: ?t) x) with (terms_value h x + lists_value t x). rewrite IH, shift_value. ring. }
  rewrite L. pose proof (den_pos (p_den p)). pose proof (den_pos (p_den q)). field. lra.
Qed.
